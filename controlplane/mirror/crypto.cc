#include "controlplane/mirror/crypto.h"

#include <algorithm>
#include <cstdlib>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

namespace carpool::mirror {
namespace {

struct FreeKdf {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

OSSL_PARAM octets(const char* name, std::span<const std::uint8_t> bytes) {
  // OpenSSL only reads them.
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()),
                                           bytes.size());
}

bool hkdf(std::span<const std::uint8_t> secret, std::span<const std::uint8_t> salt,
          std::span<const std::uint8_t> info, Key& key) {
  const std::unique_ptr<EVP_KDF, FreeKdf> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  if (!kdf) return false;
  const std::unique_ptr<EVP_KDF_CTX, FreeKdf> context(EVP_KDF_CTX_new(kdf.get()));
  if (!context) return false;
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_KEY, secret), octets(OSSL_KDF_PARAM_SALT, salt),
      octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  return EVP_KDF_derive(context.get(), key.data(), key.size(), parameters) == 1;
}

// It worked in check_crypto(), so memory is exhausted, and nothing may leave unsealed.
void require(bool worked) {
  if (!worked) std::abort();
}

detail::CipherContext new_context() {
  detail::CipherContext context(EVP_CIPHER_CTX_new());
  require(context != nullptr);
  return context;
}

int length_of(std::span<const std::uint8_t> bytes) {
  return static_cast<int>(bytes.size());
}

}  // namespace

void detail::FreeCipher::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}

Result<void> check_crypto() {
  Key key{};
  if (!hkdf(key, key, key, key)) return fail("OpenSSL offers no HKDF with SHA-256");
  const detail::CipherContext context(EVP_CIPHER_CTX_new());
  if (!context ||
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr) != 1) {
    return fail("OpenSSL offers no AES-256-GCM");
  }
  return {};
}

Key derive_key(std::span<const std::uint8_t> secret, std::span<const std::uint8_t> salt,
               std::span<const std::uint8_t> info) {
  Key key;
  require(hkdf(secret, salt, info, key));
  return key;
}

Sealer::Sealer(const Key& key) : context_(new_context()) {
  require(EVP_EncryptInit_ex(context_.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr) == 1);
}

void Sealer::seal(const Nonce& nonce, std::span<const std::uint8_t> header,
                  std::span<std::uint8_t> text, std::span<std::uint8_t, kTagBytes> tag) {
  int written = 0;
  auto* const context = context_.get();
  require(EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()) == 1 &&
          EVP_EncryptUpdate(context, nullptr, &written, header.data(), length_of(header)) == 1 &&
          (text.empty() ||
           EVP_EncryptUpdate(context, text.data(), &written, text.data(), length_of(text)) == 1) &&
          EVP_EncryptFinal_ex(context, text.data() + text.size(), &written) == 1 &&
          EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, kTagBytes, tag.data()) == 1);
}

Opener::Opener(const Key& key) : context_(new_context()) {
  require(EVP_DecryptInit_ex(context_.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr) == 1);
}

bool Opener::open(const Nonce& nonce, std::span<const std::uint8_t> header,
                  std::span<std::uint8_t> text, std::span<const std::uint8_t, kTagBytes> tag) {
  int written = 0;
  std::array<std::uint8_t, kTagBytes> expected;
  std::ranges::copy(tag, expected.begin());
  auto* const context = context_.get();
  require(EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()) == 1 &&
          EVP_DecryptUpdate(context, nullptr, &written, header.data(), length_of(header)) == 1 &&
          (text.empty() ||
           EVP_DecryptUpdate(context, text.data(), &written, text.data(), length_of(text)) == 1) &&
          EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, kTagBytes, expected.data()) == 1);
  return EVP_DecryptFinal_ex(context, text.data() + text.size(), &written) == 1;
}

}  // namespace carpool::mirror
