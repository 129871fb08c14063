// carpool server, carpool frontend, carpool runtime: what an operator wants of servers and
// frontends, beside the configuration.
#pragma once

#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>

namespace carpool::tool {

// Adds the subcommands. After parsing, run() carries out the one that was given.
class ServerCommands {
 public:
  explicit ServerCommands(CLI::App& app);
  ~ServerCommands();

  // Whether one of them was given.
  [[nodiscard]] bool given() const;
  // Prints, and returns the exit status.
  int run();

 private:
  struct Options;
  std::unique_ptr<Options> options_;
};

}  // namespace carpool::tool
