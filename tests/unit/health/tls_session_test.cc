#include "controlplane/health/tls_session.h"

#include <array>

#include <gtest/gtest.h>

#include "tests/unit/health/tls_peer.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;
using test::CaFile;
using test::Certificate;
using test::TlsPeer;

// Both halves in one place; bytes are cut into pieces of any size on their way to the client.
struct Handshake {
  Handshake(const Certificate& certificate, const config::CheckTls& settings)
      : peer(certificate, "answer"), session(*TlsContexts().get(settings), settings) {}

  TlsProgress run(std::size_t piece = 1 << 20) {
    for (int round = 0; round < 10; ++round) {
      const TlsProgress progress = session.handshake();
      if (progress != TlsProgress::WantsBytes) return progress;
      const std::string bytes = peer.exchange(session.output());
      for (std::size_t at = 0; at < bytes.size(); at += piece) {
        session.feed(std::string_view(bytes).substr(at, piece));
        if (at + piece < bytes.size()) {
          EXPECT_EQ(session.handshake(), TlsProgress::WantsBytes);
        }
      }
    }
    return TlsProgress::WantsBytes;
  }

  TlsPeer peer;
  TlsSession session;
};

config::CheckTls unverified() {
  config::CheckTls settings;
  settings.verify = false;
  return settings;
}
config::CheckTls trusting(const CaFile& ca, std::string sni = {}) {
  config::CheckTls settings;
  settings.sni = std::move(sni);
  settings.ca_file = ca.path();
  return settings;
}

TEST(TlsSession, CarriesBytesBothWays) {
  const Certificate certificate;
  Handshake both(certificate, unverified());
  ASSERT_EQ(both.run(), TlsProgress::Done) << both.session.error();
  EXPECT_EQ(both.session.write("question"), TlsProgress::Done);
  both.session.feed(both.peer.exchange(both.session.output()));
  EXPECT_EQ(both.peer.heard(), "question");
  std::array<char, 100> buffer;
  std::size_t size = 0;
  ASSERT_EQ(both.session.read(buffer, size), TlsProgress::Done);
  EXPECT_EQ(std::string(buffer.data(), size), "answer");
  EXPECT_EQ(both.session.read(buffer, size), TlsProgress::WantsBytes);
  both.session.feed_end();
  EXPECT_EQ(both.session.read(buffer, size), TlsProgress::Ended) << "even without a farewell";
}

TEST(TlsSession, SaysGoodByeToThePeer) {
  const Certificate certificate;
  Handshake both(certificate, unverified());
  ASSERT_EQ(both.run(), TlsProgress::Done);
  both.session.close_politely();
  both.peer.exchange(both.session.output());
  EXPECT_TRUE(both.peer.was_closed());
}

TEST(TlsSession, NamesServerAndProtocols) {
  const Certificate certificate;
  auto settings = unverified();
  settings.sni = "www.example";
  settings.alpn = {"http/1.1", "http/1.0"};
  Handshake both(certificate, settings);
  ASSERT_EQ(both.run(), TlsProgress::Done);
  EXPECT_EQ(both.peer.sni(), "www.example");
  EXPECT_EQ(both.peer.alpn(), "http/1.1");
}

TEST(TlsSession, TrustsWhatTheCaFileSays) {
  const Certificate certificate;
  const CaFile ca(certificate);
  EXPECT_EQ(Handshake(certificate, trusting(ca)).run(), TlsProgress::Done) << "no name is asked";
  EXPECT_EQ(Handshake(certificate, trusting(ca, "db.example")).run(), TlsProgress::Done);
  const CaFile other{Certificate()};
  Handshake stranger(certificate, trusting(other));
  EXPECT_EQ(stranger.run(), TlsProgress::Failed);
  EXPECT_EQ(stranger.session.error(), "certificate verify failed: self-signed certificate");
}

TEST(TlsSession, TheNameMustBeThatOfTheServer) {
  const Certificate certificate;
  const CaFile ca(certificate);
  Handshake wrong(certificate, trusting(ca, "www.example"));
  EXPECT_EQ(wrong.run(), TlsProgress::Failed);
  EXPECT_EQ(wrong.session.error(), "certificate verify failed: hostname mismatch");
  auto settings = trusting(ca, "www.example");
  settings.verify_host = "db.example";
  EXPECT_EQ(Handshake(certificate, settings).run(), TlsProgress::Done) << "over what SNI says";
}

TEST(TlsSession, DatesAreJudged) {
  const Certificate expired({.valid_until = -1h});
  const CaFile ca(expired);
  Handshake late(expired, trusting(ca));
  EXPECT_EQ(late.run(), TlsProgress::Failed);
  EXPECT_EQ(late.session.error(), "certificate verify failed: certificate has expired");
  Handshake blind(expired, unverified());
  EXPECT_EQ(blind.run(), TlsProgress::Done);
  const Certificate future({.valid_from = 1h});
  const CaFile future_ca(future);
  Handshake early(future, trusting(future_ca));
  EXPECT_EQ(early.run(), TlsProgress::Failed);
  EXPECT_EQ(early.session.error(), "certificate verify failed: certificate is not yet valid");
}

TEST(TlsSession, KnowsUntilWhenTheCertificateHolds) {
  const Certificate certificate({.valid_until = 24h * 5});
  Handshake both(certificate, unverified());
  ASSERT_EQ(both.run(), TlsProgress::Done);
  const auto end = both.session.certificate_end();
  ASSERT_TRUE(end);
  const auto left = *end - std::chrono::system_clock::now();
  EXPECT_LT(left, 24h * 5 + 1s);
  EXPECT_GT(left, 24h * 5 - 1min);
}

TEST(TlsSession, TakesBytesOneByOne) {
  const Certificate certificate;
  Handshake both(certificate, unverified());
  EXPECT_EQ(both.run(1), TlsProgress::Done);
}

TEST(TlsSession, RefusesWhatIsNotTls) {
  TlsSession session(*TlsContexts().get(unverified()), unverified());
  EXPECT_EQ(session.handshake(), TlsProgress::WantsBytes);
  session.feed("SSH-2.0-OpenSSH_9.2\r\n");
  EXPECT_EQ(session.handshake(), TlsProgress::Failed);
  EXPECT_EQ(session.error(), "wrong version number");
}

TEST(TlsContexts, HaveOneForEachSetting) {
  const CaFile ca{Certificate()};
  TlsContexts contexts;
  auto settings = trusting(ca);
  const auto first = contexts.get(settings);
  settings.sni = "a.example";
  EXPECT_EQ(*contexts.get(settings), *first) << "the name belongs to the connection";
  settings.verify = false;
  EXPECT_NE(*contexts.get(settings), *first);
}

TEST(TlsContexts, SayWhyACaFileIsNoGood) {
  const auto missing = check_ca_file("/nowhere/ca.pem");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "cannot take certificates from ca-file '/nowhere/ca.pem': No such file or directory");
  EXPECT_TRUE(check_ca_file("@system-ca"));
}

TEST(ExpiryText, WarnsInTime) {
  using namespace std::chrono;
  const sys_seconds now = sys_days(year(2026) / 11 / 22) + 12h;
  EXPECT_EQ(expiry_text(now + 24h * 14, now, 24h * 14), "");
  EXPECT_EQ(expiry_text(now + 24h * 14 - 1s, now, 24h * 14),
            "certificate expires on 2026-12-06, in 13 days");
  EXPECT_EQ(expiry_text(now + 25h, now, 24h * 14), "certificate expires on 2026-11-23, in 1 day");
  EXPECT_EQ(expiry_text(now + 1h, now, 24h * 14), "certificate expires on 2026-11-22, in 0 days");
  EXPECT_EQ(expiry_text(now - 1s, now, 24h * 14), "certificate expired on 2026-11-22");
  EXPECT_EQ(expiry_text(now - 1s, now, 0s), "") << "warnings are off";
}

}  // namespace
}  // namespace carpool
