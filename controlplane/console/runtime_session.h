// One client of the runtime socket: what it may, and what is answered to its lines, in HAProxy's
// words. No input or output here: transcripts test it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/console/operations.h"
#include "controlplane/console/runtime_table.h"
#include "dataplane/base/time.h"

namespace carpool::console {

class RuntimeSession {
 public:
  // `environment`: NAME=VALUE, as `show env` lists them.
  struct Surroundings {
    std::span<const std::string> environment;
    std::chrono::system_clock::time_point (*wall_now)() = std::chrono::system_clock::now;
  };

  RuntimeSession(Operations& operations, StatsLevel level, Surroundings surroundings)
      : operations_(operations), level_(level), surroundings_(surroundings) {}

  // The answer to one line, without its end. Every command of it is answered in turn.
  [[nodiscard]] std::string answer(std::string_view line);

  [[nodiscard]] bool wants_prompt() const { return prompt_; }
  [[nodiscard]] bool has_quit() const { return quit_; }
  // `set timeout cli`: how long this client may be silent.
  [[nodiscard]] std::optional<Duration> timeout() const { return timeout_; }

 private:
  using Words = std::span<const std::string>;

  [[nodiscard]] std::string run(Words words);
  [[nodiscard]] std::string carry_out(RuntimeCommand command, Words words);

  [[nodiscard]] std::string show_stat(Words words);
  [[nodiscard]] std::string show_errors(Words words) const;
  [[nodiscard]] std::string show_env(Words words) const;
  [[nodiscard]] std::string show_backend() const;
  [[nodiscard]] std::string show_servers(Words words, bool connections);
  [[nodiscard]] std::string show_cli_sockets() const;
  [[nodiscard]] std::string set_timeout(Words words);
  [[nodiscard]] std::string lower_level(StatsLevel level);

  Operations& operations_;
  StatsLevel level_;
  Surroundings surroundings_;
  bool prompt_ = false;
  bool quit_ = false;
  std::optional<Duration> timeout_;
};

}  // namespace carpool::console
