#include "controlplane/supervisor/arguments.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace carpool {
namespace {

std::string port_argument(const config::PortSpec& port) {
  std::string text = fmt::format("{}={}:{}", port.name, config::to_string(port.kind), port.device);
  for (const auto& [key, value] : port.options)
    text += fmt::format(",{}={}", key, value);
  return text;
}

std::string ports_text(const abi::RegionHeader& header) {
  std::string text;
  const auto count = std::min<std::uint32_t>(header.port_count, abi::kMaxPorts);
  for (std::uint32_t index = 0; index < count; ++index) {
    const abi::PortInfo& port = header.ports[index];
    text += fmt::format("{}{}={}", index == 0 ? "" : " ", port.name.view(), port.device.view());
  }
  return text;
}

std::string ports_text(const config::Node& node) {
  std::string text;
  for (const config::PortSpec& port : node.ports) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", port.name, port.device);
  }
  return text;
}

}  // namespace

std::vector<std::string> dataplane_arguments(const config::Node& node,
                                             const std::filesystem::path& run_dir) {
  std::vector<std::string> arguments = {"--run-dir", run_dir.string(), "--instance", node.name};
  const auto add = [&](std::string_view option, std::string value) {
    arguments.emplace_back(option);
    arguments.push_back(std::move(value));
  };
  for (const config::PortSpec& port : node.ports)
    add("--port", port_argument(port));
  add("--workers", std::to_string(node.workers));
  add("--flows", std::to_string(node.flows));
  if (node.memory_mb != 0) add("--memory", std::to_string(node.memory_mb));
  add("--idle", node.idle == config::IdleMode::Poll ? "poll" : "sleep");
  const auto fence = std::chrono::duration_cast<std::chrono::milliseconds>(node.fence);
  add("--fence", std::to_string(fence.count()));
  return arguments;
}

std::vector<std::string> parse_command_line(std::string_view command_line) {
  std::vector<std::string> arguments;
  while (!command_line.empty()) {
    const std::size_t end = std::min(command_line.find('\0'), command_line.size());
    arguments.emplace_back(command_line.substr(0, end));
    command_line.remove_prefix(std::min(end + 1, command_line.size()));
  }
  if (!arguments.empty()) arguments.erase(arguments.begin());
  // Where it reported that it was ready says nothing about what it does.
  const auto report = std::ranges::find(arguments, "--report-fd");
  if (report != arguments.end()) {
    arguments.erase(report, report + std::min<std::ptrdiff_t>(2, arguments.end() - report));
  }
  return arguments;
}

std::optional<std::string> difference(const std::vector<std::string>& running,
                                      const std::vector<std::string>& wanted) {
  if (running == wanted) return std::nullopt;
  const auto [in_running, in_wanted] = std::ranges::mismatch(running, wanted);
  const auto or_end = [](const auto& list, auto at) { return at == list.end() ? "(end)" : *at; };
  const std::string option =
      in_wanted != wanted.begin() && in_wanted != wanted.end() && !in_wanted->starts_with("--")
          ? *std::prev(in_wanted) + " "
          : "";
  return fmt::format("it was started with {0}{1}, the configuration says {0}{2}", option,
                     or_end(running, in_running), or_end(wanted, in_wanted));
}

std::optional<std::string> difference(const abi::RegionHeader& running,
                                      const config::Node& wanted) {
  if (const auto ours = ports_text(wanted), its = ports_text(running); ours != its) {
    return fmt::format("it runs the ports {}, the configuration has {}", its, ours);
  }
  if (running.shape.workers != wanted.workers) {
    return fmt::format("it runs {} worker(s), the configuration says {}", running.shape.workers,
                       wanted.workers);
  }
  return std::nullopt;
}

}  // namespace carpool
