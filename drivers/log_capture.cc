#include "drivers/log_capture.h"

#include <cstdlib>
#include <string_view>
#include <vector>

#include <bpf/libbpf.h>
#include <rte_log.h>

namespace carpool {
namespace {

// libbpf's callback has no user pointer; ports are opened one at a time, from the main thread.
std::FILE* libbpf_stream = nullptr;
libbpf_print_fn_t libbpf_before = nullptr;

int print_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN || libbpf_stream == nullptr) return 0;
  return std::vfprintf(libbpf_stream, format, arguments);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

LogCapture::LogCapture() : stream_(open_memstream(&buffer_, &size_)) {
  if (stream_ == nullptr) return;
  rte_openlog_stream(stream_);
  libbpf_stream = stream_;
  libbpf_before = libbpf_set_print(print_libbpf);
}

LogCapture::~LogCapture() {
  if (stream_ == nullptr) return;
  libbpf_set_print(libbpf_before);
  libbpf_stream = nullptr;
  rte_openlog_stream(stderr);
  std::fclose(stream_);
  std::free(buffer_);
}

std::string LogCapture::text() {
  if (stream_ == nullptr) return {};
  std::fflush(stream_);
  const auto lines = lines_of({buffer_, size_});
  constexpr std::size_t kKept = 2;
  std::string text;
  for (std::size_t i = 0; i < std::min(kKept, lines.size()); ++i) {
    text += (text.empty() ? "" : "; ") + std::string(lines[i]);
  }
  return text;
}

std::string LogCapture::suffix() {
  const std::string logged = text();
  return logged.empty() ? "" : " (the library says: " + logged + ")";
}

}  // namespace carpool
