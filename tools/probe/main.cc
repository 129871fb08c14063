// carpool-probe: the health agent on a server's own host.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <unistd.h>

#include "tools/probe/cat.h"
#include "tools/probe/check_thread.h"
#include "tools/probe/command_check.h"
#include "tools/probe/down_file.h"
#include "tools/probe/inetd.h"
#include "tools/probe/listeners.h"
#include "tools/probe/mysql_check.h"
#include "tools/probe/options.h"
#include "tools/probe/server.h"
#include "tools/probe/tcp_check.h"
#include "tools/probe/wait.h"

namespace carpool::probe {
namespace {

constexpr int kNotUp = 1;

// The option file is read for every check: a changed password needs no restart, and a file that has
// become readable for others is noticed.
Verdict check_by_file(const MysqlMode& mode, Instant deadline) {
  const auto access = load_option_file(mode.credentials);
  if (!access) return down("credentials: " + access.error().message);
  return check_mysql(*access, mode.expectation, deadline);
}

struct MakeCheck {
  Check operator()(const MysqlMode& mode) const {
    return [mode](Instant deadline) { return check_by_file(mode, deadline); };
  }
  Check operator()(const HostPort& target) const {
    return [target](Instant deadline) { return check_tcp(target, deadline); };
  }
  Check operator()(const HttpTarget& target) const {
    return [target](Instant deadline) { return check_http(target, deadline); };
  }
  Check operator()(const CommandMode& mode) const {
    return [mode](Instant deadline) { return check_command(mode.argv, deadline); };
  }
};

// Why this must not even start.
Result<void> check_options(const Options& options) {
  if (const auto* mode = std::get_if<MysqlMode>(&options.mode)) {
    if (const auto access = load_option_file(mode->credentials); !access) {
      return fail("credentials: " + access.error().message);
    }
  }
  if (std::holds_alternative<CommandMode>(options.mode) && ::geteuid() == 0 &&
      !options.allow_root) {
    return fail(
        "does not run a command as root: start it as another user (User= in the service "
        "unit, user = in xinetd), or say --allow-root");
  }
  return {};
}

Verdict ask(const Options& options, const Check& check) {
  if (!options.down_file.empty()) {
    if (auto verdict = read_down_file(options.down_file)) return std::move(*verdict);
  }
  return run_bounded(check, options.timeout);
}

void print(std::FILE* to, const std::string& text) {
  std::fputs(text.c_str(), to);
}

int run_once(const Options& options, const Check& check) {
  const auto verdict = ask(options, check);
  print(stdout, cat(name(verdict.state), ": ", verdict.reason, "\n"));
  return verdict.state == State::Up ? 0 : kNotUp;
}

Result<std::vector<Listener>> open_listeners(const Options& options) {
  auto listeners = inherited_listeners();
  if (!listeners) return listeners;
  auto http = options.http;
  if (http.empty() && listeners->empty()) http.push_back({.host = {}, .port = kDefaultPort});
  for (const auto& [addresses, protocol] :
       {std::pair(http, Protocol::Http), std::pair(options.agent, Protocol::Agent)}) {
    for (const ListenAddress& address : addresses) {
      auto listener = listen_on(address, protocol);
      if (!listener) return std::unexpected(listener.error());
      listeners->push_back(std::move(*listener));
    }
  }
  return listeners;
}

// Readable once SIGTERM or SIGINT has come.
Result<Fd> ending_signals() {
  sigset_t endings;
  ::sigemptyset(&endings);
  ::sigaddset(&endings, SIGTERM);
  ::sigaddset(&endings, SIGINT);
  ::sigprocmask(SIG_BLOCK, &endings, nullptr);
  Fd fd(::signalfd(-1, &endings, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return fail("cannot wait for signals: " + system_error_text(errno));
  return fd;
}

Result<void> run_daemon(const Options& options, const Check& check) {
  auto listeners = open_listeners(options);
  if (!listeners) return std::unexpected(listeners.error());
  const auto endings = ending_signals();
  if (!endings) return std::unexpected(endings.error());
  const ServerSettings settings{.check = check,
                                .timeout = options.timeout,
                                .cache = options.cache,
                                .down_file = options.down_file,
                                .weight = options.weight};
  serve(settings, std::move(*listeners), endings->get());
  return {};
}

// Under inetd standard error is the connection as well: what does not belong into the answer must
// not get there.
void silence_stderr() {
  const int null = ::open("/dev/null", O_WRONLY);
  if (null < 0) return;
  ::dup2(null, STDERR_FILENO);
  ::close(null);
}

// Somebody waits for an answer, and nobody reads a complaint anywhere else.
int refuse_as_inetd(std::string_view why) {
  ::syslog(LOG_DAEMON | LOG_ERR, "%.*s", static_cast<int>(why.size()), why.data());
  answer_once(STDIN_FILENO, STDOUT_FILENO, [&] { return down(std::string(why)); });
  return kNotUp;
}

int refuse(const Options& options, const Error& error) {
  if (options.run_as == RunAs::Inetd) return refuse_as_inetd(error.message);
  print(stderr, cat("carpool-probe: ", error.message, "\n"));
  return kNotUp;
}

int give_up(const Exit& exit, bool inetd) {
  if (inetd) {
    const auto line = std::string_view(exit.text).substr(0, exit.text.find('\n'));
    return refuse_as_inetd(cat("carpool-probe has wrong options: ", line));
  }
  print(exit.status == 0 ? stdout : stderr, exit.text);
  return exit.status;
}

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  // Known before anything else, since it decides where complaints go. What stands behind "--" is a
  // command's.
  char** const words_end = std::find(argv, argv + argc, std::string_view("--"));
  const bool inetd = std::find(argv, words_end, std::string_view("--inetd")) != words_end;
  if (inetd) silence_stderr();
  const auto options = parse_options(argc, argv);
  if (!options) return give_up(options.error(), inetd);
  if (auto fine = check_options(*options); !fine) return refuse(*options, fine.error());
  const Check check = std::visit(MakeCheck{}, options->mode);
  switch (options->run_as) {
    case RunAs::Once:
      return run_once(*options, check);
    case RunAs::Inetd:
      answer_once(STDIN_FILENO, STDOUT_FILENO, [&] { return ask(*options, check); });
      return 0;
    case RunAs::Daemon:
      break;
  }
  if (auto ended = run_daemon(*options, check); !ended) return refuse(*options, ended.error());
  return 0;
}

}  // namespace
}  // namespace carpool::probe

int main(int argc, char** argv) {
  const int status = carpool::probe::main(argc, argv);
  std::fflush(nullptr);
  // Without destructors of globals: a check that hangs may still be running in its thread.
  ::_exit(status);
}
