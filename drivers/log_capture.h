// Libraries say why something failed only in their log. While one of these lives, what DPDK and
// libbpf log is kept instead of printed, to become part of an error message.
#pragma once

#include <cstdio>
#include <string>

namespace carpool {

class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  // What was logged so far, as one line: the first two lines, where the cause stands;
  // what follows are its consequences.
  [[nodiscard]] std::string text();
  // The same in the form in which an error message ends: " (the library says: ...)", or nothing.
  [[nodiscard]] std::string suffix();

 private:
  char* buffer_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* stream_ = nullptr;
};

}  // namespace carpool
