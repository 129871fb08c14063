// The other end of TLS: certificates made on the spot, and a server's half of a session.
#pragma once

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

namespace carpool::test {

using namespace std::chrono_literals;

struct CertificateWish {
  std::string host = "db.example";
  std::chrono::seconds valid_from = -24h;  // from now
  std::chrono::seconds valid_until = 24h * 90;
};

// Signed by itself, so it is also the CA to trust.
class Certificate {
 public:
  explicit Certificate(const CertificateWish& wish = {})
      : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), x509_(X509_new(), X509_free) {
    X509_set_version(x509_.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509_.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509_.get()), wish.valid_from.count());
    X509_gmtime_adj(X509_getm_notAfter(x509_.get()), wish.valid_until.count());
    X509_set_pubkey(x509_.get(), key_.get());
    X509_NAME* name = X509_get_subject_name(x509_.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("carpool test"), -1, -1, 0);
    X509_set_issuer_name(x509_.get(), name);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + wish.host).c_str());
    X509_add_ext(x509_.get(), names, -1);
    X509_EXTENSION_free(names);
    X509_sign(x509_.get(), key_.get(), EVP_sha256());
  }

  [[nodiscard]] X509* x509() const { return x509_.get(); }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }

 private:
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
  std::unique_ptr<X509, void (*)(X509*)> x509_;
};

// A file with one certificate, gone with this object.
class CaFile {
 public:
  explicit CaFile(const Certificate& certificate)
      : path_(std::filesystem::temp_directory_path() /
              ("carpool-ca-" + std::to_string(getpid()) + "-" +
               std::to_string(reinterpret_cast<std::uintptr_t>(this)) + ".pem")) {
    std::FILE* file = std::fopen(path_.c_str(), "w");
    PEM_write_X509(file, certificate.x509());
    std::fclose(file);
  }
  ~CaFile() { std::filesystem::remove(path_); }
  CaFile(const CaFile&) = delete;
  CaFile& operator=(const CaFile&) = delete;

  [[nodiscard]] std::string path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Answers every record with `answer`, and remembers what it was told.
class TlsPeer {
 public:
  TlsPeer(const Certificate& certificate, std::string answer)
      : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free), answer_(std::move(answer)) {
    SSL_CTX_use_certificate(context_.get(), certificate.x509());
    SSL_CTX_use_PrivateKey(context_.get(), certificate.key());
    SSL_CTX_set_alpn_select_cb(context_.get(), select_protocol, nullptr);
    ssl_ = {SSL_new(context_.get()), SSL_free};
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl_.get());
  }

  // What the client sent; returns what the server sends now.
  std::string exchange(std::string_view bytes) {
    BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
    SSL_do_handshake(ssl_.get());
    char buffer[4096];
    while (SSL_is_init_finished(ssl_.get())) {
      const int size = SSL_read(ssl_.get(), buffer, sizeof buffer);
      if (size <= 0) break;
      heard_.append(buffer, static_cast<std::size_t>(size));
      SSL_write(ssl_.get(), answer_.data(), static_cast<int>(answer_.size()));
    }
    std::string out(BIO_ctrl_pending(SSL_get_wbio(ssl_.get())), '\0');
    BIO_read(SSL_get_wbio(ssl_.get()), out.data(), static_cast<int>(out.size()));
    return out;
  }

  [[nodiscard]] const std::string& heard() const { return heard_; }
  [[nodiscard]] std::string sni() const {
    const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? "" : name;
  }
  [[nodiscard]] std::string alpn() const {
    const unsigned char* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &length);
    return {reinterpret_cast<const char*>(name), length};
  }
  // Whether the client said good-bye.
  [[nodiscard]] bool was_closed() const {
    return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }

 private:
  // The client's first.
  static int select_protocol(SSL*, const unsigned char** chosen, unsigned char* length,
                             const unsigned char* offered, unsigned, void*) {
    *length = offered[0];
    *chosen = offered + 1;
    return SSL_TLSEXT_ERR_OK;
  }

  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, SSL_free};
  std::string answer_;
  std::string heard_;
};

}  // namespace carpool::test
