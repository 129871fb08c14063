#include "tools/carpool/runtime_client.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <fmt/format.h>

namespace carpool::tool {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

// A daemon that does not answer within this time has stopped.
constexpr auto kLimit = std::chrono::seconds(5);
constexpr std::size_t kMaxAnswer = std::size_t{256} << 20;

}  // namespace

Result<std::string> ask_runtime(const std::filesystem::path& run_dir, const std::string& command) {
  const std::string socket = (run_dir / kRuntimeSocket).string();
  asio::io_context io(1);
  boost::beast::basic_stream<stream_protocol> stream(io);
  stream.expires_after(kLimit);
  const std::string line = command + "\n";
  std::string answer;
  error_code outcome;
  const char* doing = "connect to";
  stream.async_connect(stream_protocol::endpoint(socket), [&](error_code error) {
    outcome = error;
    if (error) return;
    doing = "ask";
    asio::async_write(stream, asio::buffer(line), [&](error_code write_error, std::size_t) {
      outcome = write_error;
      if (write_error) return;
      doing = "read the answer of";
      asio::async_read(stream, asio::dynamic_buffer(answer, kMaxAnswer),
                       [&](error_code read_error, std::size_t) {
                         if (read_error != asio::error::eof) outcome = read_error;
                       });
    });
  });
  io.run();
  if (outcome) return fail(fmt::format("cannot {} {}: {}", doing, socket, outcome.message()));
  while (answer.ends_with('\n'))
    answer.pop_back();
  return answer;
}

std::vector<std::string> split_csv(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (c == '"') {
      // Two of them within quotes stand for one.
      const bool doubled = quoted && at + 1 < line.size() && line[at + 1] == '"';
      if (doubled)
        fields.back() += line[++at];
      else
        quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

std::vector<StatRow> parse_statistics(std::string_view text) {
  std::vector<StatRow> rows;
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.starts_with("# ")) {
      names = split_csv(line.substr(2));
      continue;
    }
    if (names.empty() || line.empty()) continue;
    auto values = split_csv(line);
    StatRow& row = rows.emplace_back();
    for (std::size_t at = 0; at < std::min(names.size(), values.size()); ++at)
      row[names[at]] = std::move(values[at]);
  }
  return rows;
}

}  // namespace carpool::tool
