#include "tools/probe/http_check.h"

#include <algorithm>
#include <array>

#include "tools/probe/cat.h"
#include "tools/probe/stream.h"

namespace carpool::probe {
namespace {

constexpr std::size_t kMaxStatusLine = 512;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The reply up to the end of its first line, or as much of it as there will be.
Result<std::string> ask(const HttpTarget& target, Instant deadline) {
  auto stream = Stream::connect_tcp(target.address, deadline);
  if (!stream) return fail("cannot connect to " + stream.error().message);
  if (target.tls) {
    const TlsSettings unverified{.ca_file = {}, .server_name = target.address.host};
    if (auto secured = stream->start_tls(unverified, deadline); !secured) {
      return fail("TLS: " + secured.error().message);
    }
  }
  const auto request = cat("GET ", target.path, " HTTP/1.1\r\nHost: ", target.authority,
                           "\r\nUser-Agent: carpool-probe\r\nConnection: close\r\n\r\n");
  // A server that answers without reading may have closed by now; its answer is still there.
  (void)stream->write_all(request, deadline);
  std::string reply;
  std::array<char, 1024> buffer;
  while (reply.size() < kMaxStatusLine && !reply.contains('\n')) {
    const auto size = stream->read_some(buffer, deadline);
    if (!size) return fail("no answer: " + size.error().message);
    if (*size == 0) break;
    reply.append(buffer.data(), *size);
  }
  return reply;
}

}  // namespace

Result<HttpTarget> parse_http_url(std::string_view url) {
  HttpTarget target;
  std::string_view rest = url;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
    target.tls = true;
  } else {
    return fail(cat("'", url, "' is not a URL that begins with http:// or https://"));
  }
  const auto is_unfit = [](char c) { return c <= 0x20 || c >= 0x7f; };
  if (std::ranges::any_of(rest, is_unfit) || rest.contains('@')) {
    return fail(cat("'", url, "' has characters that are not allowed in a URL here"));
  }
  const auto slash = std::min(rest.find_first_of("/?"), rest.size());
  target.authority = rest.substr(0, slash);
  target.path = rest.substr(slash);
  if (!target.path.starts_with('/')) target.path.insert(0, "/");
  const auto bracket = target.authority.rfind(']');
  const auto colon = target.authority.rfind(':');
  const bool has_port =
      colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
  auto address = parse_host_port(has_port ? target.authority
                                          : target.authority + (target.tls ? ":443" : ":80"));
  if (!address) return fail(cat("'", url, "': ", address.error().message));
  target.address = std::move(*address);
  return target;
}

Verdict judge_http_reply(std::string_view reply) {
  const auto line = reply.substr(0, reply.find_first_of("\r\n"));
  // "HTTP/1.1 200 OK"
  const auto at = line.find_first_not_of(' ', std::min<std::size_t>(8, line.size()));
  const auto code = at == line.npos ? std::string_view() : line.substr(at, 3);
  const bool good = line.starts_with("HTTP/") && code.size() == 3 &&
                    std::ranges::all_of(code, is_digit) &&
                    (line.size() == at + 3 || line[at + 3] == ' ');
  if (line.empty()) return down("the service closed without an answer");
  if (!good) return down(cat("not an HTTP answer: ", line.substr(0, 64)));
  const auto text = cat("the service answers ", line.substr(at, 80));
  return code[0] == '2' || code[0] == '3' ? up(text) : down(text);
}

Verdict check_http(const HttpTarget& target, Instant deadline) {
  const auto reply = ask(target, deadline);
  return reply ? judge_http_reply(*reply) : down(reply.error().message);
}

}  // namespace carpool::probe
