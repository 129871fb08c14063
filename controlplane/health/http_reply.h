// A reply to `http-check`. Rules about the status are judged by the status line alone: the scripts
// that answer checks in the field (mysqlchk, clustercheck under xinetd) send malformed headers or
// none, and close without reading the request, which resets the connection. So nothing after the
// status line is looked at for those, and how the connection ends does not matter. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/health/http_body.h"
#include "controlplane/health/reply.h"

namespace carpool {

// A status line longer than this is judged by its beginning.
inline constexpr std::size_t kMaxStatusLine = 512;

class HttpReply final : public Reply {
 public:
  // The reply to a HEAD request says how long a body would be and has none.
  explicit HttpReply(bool to_head = false) : to_head_(to_head) {}

  void feed(std::string_view bytes) override;
  void end() override;
  [[nodiscard]] Judgement judge(const config::CheckRule& rule,
                                const config::ExpectRule& expect) const override;
  [[nodiscard]] bool empty() const override { return line_.empty(); }

  // As soon as it is certain.
  [[nodiscard]] std::optional<int> code() const;

 private:
  struct StatusLine {
    int code;
    std::string_view reason;
  };
  using Header = std::pair<std::string_view, std::string_view>;

  [[nodiscard]] static std::optional<StatusLine> parse(std::string_view line);
  [[nodiscard]] bool status_line_complete() const;
  void take_status_line(std::string_view& bytes);
  void take_head(std::string_view bytes);
  void end_head(std::size_t length, std::string_view rest);
  [[nodiscard]] HttpBody make_body() const;
  [[nodiscard]] std::vector<Header> headers() const;
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;

  [[nodiscard]] bool has_header(const config::ExpectHeader& what) const;
  template <class What>
  [[nodiscard]] Judgement judge_body(const config::CheckRule& rule,
                                     const config::ExpectRule& expect, const What& what,
                                     int code) const;

  bool to_head_;
  std::string line_;  // the status line, without line ends before it; at most kMaxStatusLine
  bool line_ended_ = false;
  std::string head_;         // what follows it up to the empty line; at most kMaxReply
  std::size_t scanned_ = 0;  // of the head, for the empty line
  bool head_ended_ = false;
  HttpBody body_;
  bool ended_ = false;
};

}  // namespace carpool
