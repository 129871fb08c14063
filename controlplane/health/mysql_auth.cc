#include "controlplane/health/mysql_auth.h"

#include <initializer_list>
#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace carpool::mysql {
namespace {

// Servers make keys of 2048 bits. What is much bigger only costs us time.
constexpr std::size_t kMaxKeyText = 8192;
constexpr int kMaxKeyBits = 8192;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Of the parts one after the other. Empty where OpenSSL cannot, which a login then fails by.
std::string digest(const EVP_MD* algorithm, std::initializer_list<std::string_view> parts) {
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  if (!context || EVP_DigestInit_ex(context.get(), algorithm, nullptr) != 1) return {};
  for (const auto part : parts) {
    if (EVP_DigestUpdate(context.get(), part.data(), part.size()) != 1) return {};
  }
  unsigned char value[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (EVP_DigestFinal_ex(context.get(), value, &length) != 1) return {};
  return {reinterpret_cast<const char*>(value), length};
}

// `mask` again and again, as far as `text` goes.
std::string exclusive_or(std::string text, std::string_view mask) {
  if (mask.empty()) return {};
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>(text[i] ^ mask[i % mask.size()]);
  return text;
}

std::unique_ptr<EVP_PKEY, Free> read_public_key(std::string_view text) {
  if (text.size() > kMaxKeyText) return nullptr;
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) return nullptr;
  std::unique_ptr<EVP_PKEY, Free> key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  const bool usable = key && EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA &&
                      EVP_PKEY_get_bits(key.get()) <= kMaxKeyBits;
  return usable ? std::move(key) : nullptr;
}

std::optional<std::string> encrypt(EVP_PKEY* key, std::string_view text) {
  const std::unique_ptr<EVP_PKEY_CTX, Free> context(EVP_PKEY_CTX_new(key, nullptr));
  if (!context || EVP_PKEY_encrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1) {
    return std::nullopt;
  }
  std::size_t length = 0;
  if (EVP_PKEY_encrypt(context.get(), nullptr, &length, bytes_of(text), text.size()) != 1) {
    return std::nullopt;
  }
  std::string out(length, '\0');
  if (EVP_PKEY_encrypt(context.get(), reinterpret_cast<unsigned char*>(out.data()), &length,
                       bytes_of(text), text.size()) != 1) {
    return std::nullopt;
  }
  out.resize(length);
  return out;
}

}  // namespace

std::string native_proof(std::string_view password, std::string_view nonce) {
  if (password.empty()) return {};
  const auto once = digest(EVP_sha1(), {password});
  return exclusive_or(once, digest(EVP_sha1(), {nonce, digest(EVP_sha1(), {once})}));
}

std::string caching_sha2_proof(std::string_view password, std::string_view nonce) {
  if (password.empty()) return {};
  const auto once = digest(EVP_sha256(), {password});
  const auto thrice = digest(EVP_sha256(), {digest(EVP_sha256(), {once}), nonce});
  return exclusive_or(once, thrice);
}

std::optional<std::string> encrypt_password(std::string_view password, std::string_view nonce,
                                            std::string_view public_key) {
  const auto key = read_public_key(public_key);
  std::optional<std::string> encrypted;
  if (key) {
    std::string text(password);
    text += '\0';
    encrypted = encrypt(key.get(), exclusive_or(std::move(text), nonce));
  }
  // What failed belongs to this key; left in the thread's queue it would be taken for the failure
  // of whatever uses OpenSSL next.
  ERR_clear_error();
  return encrypted;
}

}  // namespace carpool::mysql
