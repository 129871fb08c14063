// Asks carpoold over its unix socket.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "dataplane/base/result.h"

namespace carpool::tool {

inline constexpr const char* kControlSocket = "control.sock";

// The body of the answer to GET `target`. Errors: nobody listens, no answer in time, an answer
// that is not 200.
[[nodiscard]] Result<std::string> get(const std::filesystem::path& socket,
                                      const std::string& target);

struct Wish {
  const char* method = "POST";
  std::string target;
  std::string body;              // JSON
  std::chrono::seconds limit{};  // for the answer
};
struct Answer {
  unsigned status = 0;
  std::string body;
};
// Has something done. Errors: nobody listens, no answer in time. What was refused is an answer.
[[nodiscard]] Result<Answer> ask_for(const std::filesystem::path& socket, const Wish& wish);

}  // namespace carpool::tool
