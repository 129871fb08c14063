#include "controlplane/health/mysql_auth.h"

#include <memory>

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "controlplane/health/mysql_packets.h"
#include "controlplane/health/mysql_session.h"
#include "tests/unit/health/mysql_script.h"

namespace carpool::mysql {
namespace {

using test::kNonce;

std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (std::size_t at = 0; at < digits.size(); at += 2)
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(at, 2)), nullptr, 16));
  return bytes;
}

// Reckoned by Python's hashlib from the formulas of MySQL's documentation.
TEST(MysqlAuth, ProofsAreThoseOfTheDocumentation) {
  EXPECT_EQ(native_proof("secret", kNonce), from_hex("b32bb3a583e1340c0a1108d58b1be49781ad8c2f"));
  EXPECT_EQ(caching_sha2_proof("secret", kNonce),
            from_hex("746ebe205d56a0707acb3e796e834e0dd7b1d61743b26bd5202c7a623230c7c9"));
  EXPECT_EQ(native_proof("", kNonce), "");
  EXPECT_EQ(caching_sha2_proof("", kNonce), "");
}

// The handshakes in MySQL's "Client/Server Protocol", of 5.5.2-m2 (no plugins yet) and 5.6.4-m7.
TEST(MysqlAuth, ReadsTheGreetingsOfTheDocumentation) {
  const auto old = parse_greeting(
      from_hex("0a352e352e322d6d32000b00000064764840492d434a00fff7080200000000000000000000000000"
               "002a34647c635a776b345e5d3a00"));
  ASSERT_TRUE(old);
  EXPECT_EQ(old->version, "5.5.2-m2");
  EXPECT_EQ(old->nonce, "dvH@I-CJ*4d|cZwk4^]:");
  EXPECT_EQ(old->plugin, "");
  EXPECT_FALSE(old->offers_tls());

  const auto with_plugins = parse_greeting(
      from_hex("0a352e362e342d6d372d6c6f6700560a0000524233767a26477200ffff0802000fc0150000000000"
               "00000000002b7944262f5a5a3330355a47006d7973716c5f6e61746976655f70617373776f726400"));
  ASSERT_TRUE(with_plugins);
  EXPECT_EQ(with_plugins->version, "5.6.4-m7-log");
  EXPECT_EQ(with_plugins->nonce, "RB3vz&Gr+yD&/ZZ305ZG");
  EXPECT_EQ(with_plugins->plugin, kNativePassword);
  EXPECT_TRUE(with_plugins->offers_tls());
}

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};

// A server's pair of keys.
class ServerKey {
 public:
  ServerKey() : key_(EVP_RSA_gen(2048)) {}

  [[nodiscard]] std::string public_pem() const {
    const std::unique_ptr<BIO, Free> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PUBKEY(bio.get(), key_.get());
    char* text = nullptr;
    const auto length = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(length)};
  }

  [[nodiscard]] std::string decrypt(std::string_view secret) const {
    const std::unique_ptr<EVP_PKEY_CTX, Free> context(EVP_PKEY_CTX_new(key_.get(), nullptr));
    EVP_PKEY_decrypt_init(context.get());
    EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING);
    std::string text(512, '\0');
    std::size_t length = text.size();
    const int good =
        EVP_PKEY_decrypt(context.get(), reinterpret_cast<unsigned char*>(text.data()), &length,
                         reinterpret_cast<const unsigned char*>(secret.data()), secret.size());
    text.resize(good == 1 ? length : 0);
    return text;
  }

 private:
  std::unique_ptr<EVP_PKEY, Free> key_;
};

std::string unmask(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>(text[i] ^ kNonce[i % kNonce.size()]);
  return text;
}

TEST(MysqlAuth, OnlyTheHolderOfTheKeyReadsThePassword) {
  const ServerKey key;
  const auto encrypted =
      encrypt_password("a password longer than the nonce", kNonce, key.public_pem());
  ASSERT_TRUE(encrypted);
  EXPECT_EQ(unmask(key.decrypt(*encrypted)), std::string("a password longer than the nonce\0", 33));

  EXPECT_FALSE(encrypt_password("secret", kNonce, "no key"));
  EXPECT_FALSE(encrypt_password("secret", kNonce, std::string(100'000, 'x')));
  // Longer than the key can carry.
  EXPECT_FALSE(encrypt_password(std::string(300, 'x'), kNonce, key.public_pem()));
}

// A server that has just been started knows no password by heart: full authentication.
TEST(MysqlAuth, FullAuthenticationWithoutTlsAsksForTheKey) {
  const ServerKey key;
  Session session({.user = "carpool", .password = "secret"});
  std::ignore = session.receive(test::greeting());
  EXPECT_EQ(session.receive(test::more_auth_data("\x04")).send, frame(3, "\x02"));
  const auto secret = session.receive(test::more_auth_data(key.public_pem(), 4)).send;
  EXPECT_EQ(secret.substr(0, 4), std::string("\x00\x01\x00\x05", 4));
  EXPECT_EQ(unmask(key.decrypt(secret.substr(4))), std::string("secret\0", 7));
  EXPECT_EQ(session.receive(test::ok(6)).event, SessionEvent::LoggedIn);
}

}  // namespace
}  // namespace carpool::mysql
