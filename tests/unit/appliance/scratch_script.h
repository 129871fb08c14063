// A script in a folder of its own that anybody may use, as the unprivileged user has to.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include <boost/asio/io_context.hpp>
#include <stdlib.h>

#include "controlplane/config/model.h"

namespace carpool {

class ScratchScript {
 public:
  // $OUT in the body is a file that the script may write; see output().
  explicit ScratchScript(std::string body) {
    char name[] = "/tmp/carpool-script-XXXXXX";
    folder_ = mkdtemp(name);
    std::filesystem::permissions(folder_, std::filesystem::perms::all);
    script_.command = {folder_ / "script"};
    std::ofstream(script_.command.front())
        << "#!/bin/sh\nOUT=" << (folder_ / "out").string() << "\n"
        << body;
    std::filesystem::permissions(script_.command.front(),
                                 static_cast<std::filesystem::perms>(0755));
  }
  ScratchScript(const ScratchScript&) = delete;
  ScratchScript& operator=(const ScratchScript&) = delete;
  ~ScratchScript() { std::filesystem::remove_all(folder_); }

  [[nodiscard]] const config::Script& script() const { return script_; }
  [[nodiscard]] std::string output() const {
    std::ifstream file(folder_ / "out");
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::filesystem::path folder_;
  config::Script script_;
};

// Runs the loop until the condition holds. False: it did not within ten seconds.
inline bool run_until(boost::asio::io_context& io, const std::function<bool()>& condition) {
  using namespace std::chrono_literals;
  const auto limit = std::chrono::steady_clock::now() + 10s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    io.restart();
    io.run_for(5ms);
  }
  return true;
}

}  // namespace carpool
