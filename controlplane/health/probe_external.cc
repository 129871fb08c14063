#include "controlplane/health/probe_external.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "controlplane/runtime/command.h"

namespace carpool {
namespace {

namespace asio = boost::asio;

std::string_view first_line(std::string_view output) {
  const std::size_t begin = output.find_first_not_of("\r\n\t ");
  if (begin == std::string_view::npos) return {};
  output.remove_prefix(begin);
  return output.substr(0, output.find_first_of("\r\n"));
}

// What the program printed says more than its status, where it printed anything.
std::string text_of(const CommandOutcome& outcome, bool passed) {
  const std::string_view said = first_line(outcome.output);
  if (passed) return printable(said);
  return printable(said.empty() ? to_string(outcome)
                                : fmt::format("{}: {}", to_string(outcome), said));
}

CheckResult judge(const CommandOutcome& outcome) {
  const bool exited = outcome.kind == CommandOutcome::Kind::Exited;
  const bool passed = exited && outcome.value == 0;
  CheckResult result;
  result.status = passed                                           ? CheckStatus::ProcessOk
                  : outcome.kind == CommandOutcome::Kind::TimedOut ? CheckStatus::ProcessTimeout
                                                                   : CheckStatus::ProcessError;
  result.code = exited ? outcome.value : 0;
  result.text = text_of(outcome, passed);
  return result;
}

// What differs comes first: getenv() of a program finds the first of a name.
void inherit_environment(std::vector<std::string>& environment) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view inherited = *entry;
    const std::string_view name = inherited.substr(0, inherited.find('=') + 1);
    const auto same = [&](const std::string& known) { return known.starts_with(name); };
    if (std::ranges::none_of(environment, same)) environment.emplace_back(inherited);
  }
}

// Or why it cannot be run. A control plane that is not root's runs programs as itself.
Result<CommandRequest> request_for(const config::ExternalCheck& check, ExternalCommand command,
                                   Duration timeout, std::uint64_t connections) {
  CommandRequest request;
  request.program = check.command;
  request.arguments = std::move(command.arguments);
  request.environment = std::move(command.environment);
  request.environment.push_back(fmt::format("HAPROXY_SERVER_CURCONN={}", connections));
  request.environment.push_back("PATH=" + check.path);
  if (check.permit.preserve_environment) inherit_environment(request.environment);
  request.may_gain_privileges = check.permit.may_gain_privileges;
  request.timeout = timeout;
  if (geteuid() != 0) return request;
  const auto& run_as = check.permit.run_as;
  if (!run_as) return fail("it is not known who user " + check.permit.user + " is");
  request.user = UserIds{run_as->user, run_as->group};
  return request;
}

}  // namespace

asio::awaitable<CheckResult> probe_external(config::ExternalCheck check, ExternalCommand command,
                                            ProbeTimeouts timeouts, std::uint64_t connections) {
  const Instant began = monotonic_now();
  CheckResult result;
  auto request = request_for(check, std::move(command), timeouts.connect, connections);
  if (request) {
    const CommandOutcome outcome = co_await run_command(std::move(*request));
    result = judge(outcome);
  } else {
    result.status = CheckStatus::ProcessError;
    result.text = printable(request.error().message);
  }
  result.took = monotonic_now() - began;
  co_return result;
}

}  // namespace carpool
