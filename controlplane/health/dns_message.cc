#include "controlplane/health/dns_message.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace carpool {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kTruncated = 0x0200;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kResponseCode = 0x000f;
constexpr std::uint16_t kInternet = 1;
constexpr std::uint8_t kPointer = 0xc0;  // the two upper bits of a length

constexpr std::array<std::string_view, 6> kResponseCodes = {"NOERROR",  "FORMERR", "SERVFAIL",
                                                            "NXDOMAIN", "NOTIMP",  "REFUSED"};

void append16(std::string& to, std::uint16_t value) {
  to += static_cast<char>(value >> 8);
  to += static_cast<char>(value & 0xff);
}

// Reads what stands one after the other in a message. Beyond the end everything is 0, and failed().
class Cursor {
 public:
  explicit Cursor(std::string_view message) : message_(message) {}

  [[nodiscard]] bool failed() const { return failed_; }

  std::uint8_t read8() {
    if (at_ >= message_.size()) {
      failed_ = true;
      return 0;
    }
    return static_cast<std::uint8_t>(message_[at_++]);
  }
  std::uint16_t read16() {
    const auto high = read8();
    return static_cast<std::uint16_t>(high << 8 | read8());
  }
  void skip(std::size_t bytes) {
    failed_ = failed_ || bytes > message_.size() - at_;
    if (!failed_) at_ += bytes;
  }
  // A name is left behind, not followed: it ends with a pointer elsewhere or with an empty label.
  void skip_name() {
    for (;;) {
      const auto length = read8();
      if (failed_ || length == 0) return;
      if ((length & kPointer) == kPointer) return static_cast<void>(read8());
      skip(length);
    }
  }

 private:
  std::string_view message_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

std::string question(const config::DnsCheck& check) {
  std::string text;
  std::string_view rest = check.name;
  while (!rest.empty()) {
    const auto label = rest.substr(0, rest.find('.'));
    text += static_cast<char>(label.size());
    text += label;
    rest.remove_prefix(std::min(label.size() + 1, rest.size()));
  }
  text += '\0';
  append16(text, check.type);
  append16(text, kInternet);
  return text;
}

// Servers may give the name back in other letter case.
bool same_text(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string response_code_name(int code) {
  const auto index = static_cast<std::size_t>(code);
  return index < kResponseCodes.size() ? std::string(kResponseCodes[index])
                                       : fmt::format("response code {}", code);
}

CheckResult judge_answers(const config::DnsCheck& check, Cursor cursor, unsigned count,
                          bool truncated) {
  unsigned found = 0;
  for (unsigned i = 0; i < count && !cursor.failed(); ++i) {
    cursor.skip_name();
    const auto type = cursor.read16();
    cursor.skip(6);  // class and time to live
    cursor.skip(cursor.read16());
    if (!cursor.failed() && type == check.type) ++found;
  }
  if (found == 0 && cursor.failed() && !truncated) {
    return {.status = CheckStatus::L7Response, .text = "malformed DNS reply"};
  }
  // Cut off at the start of the answers, it still says that there are some.
  if (found == 0 && !truncated) {
    return {.status = CheckStatus::L7Status, .text = fmt::format("no {} record", check.type_name)};
  }
  return {.status = CheckStatus::L7Ok,
          .text = truncated ? "truncated answer"
                            : fmt::format("{} {} record{}", found, check.type_name,
                                          found == 1 ? "" : "s")};
}

}  // namespace

std::string dns_query(const config::DnsCheck& check, std::uint16_t id) {
  std::string query;
  append16(query, id);
  append16(query, kRecursionDesired);
  append16(query, 1);  // questions; then answers, authorities and additional records
  query.append(6, '\0');
  return query + question(check);
}

std::optional<CheckResult> judge_dns_reply(const config::DnsCheck& check, std::uint16_t id,
                                           std::string_view reply) {
  Cursor cursor(reply);
  const bool same_id = cursor.read16() == id;
  const auto flags = cursor.read16();
  const auto questions = cursor.read16();
  const auto answers = cursor.read16();
  cursor.skip(4);
  if (cursor.failed() || !same_id || (flags & kResponse) == 0) return std::nullopt;
  const int code = flags & kResponseCode;
  // A server that could not read the question need not repeat it.
  const auto asked = question(check);
  const bool repeats = questions == 1 && same_text(reply.substr(kHeaderBytes, asked.size()), asked);
  if (!repeats && (questions != 0 || code == 0)) return std::nullopt;
  if (code != 0) {
    return CheckResult{
        .status = CheckStatus::L7Status, .code = code, .text = response_code_name(code)};
  }
  cursor.skip(asked.size());
  return judge_answers(check, cursor, answers, (flags & kTruncated) != 0);
}

}  // namespace carpool
