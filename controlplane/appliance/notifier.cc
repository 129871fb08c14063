#include "controlplane/appliance/notifier.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>
#include <variant>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "controlplane/appliance/script_command.h"
#include "controlplane/runtime/command.h"

namespace carpool {
namespace {

namespace asio = boost::asio;

constexpr Duration kTimeLimit = std::chrono::seconds(10);
// A script that is slower than its group changes misses the oldest states, not the newest.
constexpr std::size_t kMaxWaiting = 16;
constexpr unsigned kBestOfCarp = 254;

// keepalived's words.
std::string_view keepalived_state(const GroupReport& group) {
  switch (group.state()) {
    case RouterState::kMaster:
      return "MASTER";
    case RouterState::kBackup:
      return "BACKUP";
    case RouterState::kInit:
      break;
  }
  return group.usable ? "STOP" : "FAULT";
}

// The higher the better, of CARP, too.
unsigned priority_of(const GroupReport& group) {
  if (const auto* vrrp = std::get_if<VrrpSettings>(&group.settings.protocol)) {
    return effective_priority(vrrp->config, group.demotion());
  }
  const auto& carp = std::get<CarpSettings>(group.settings.protocol);
  return kBestOfCarp - demoted_advskew(carp.config.advskew, group.demotion());
}

}  // namespace

Notice make_notice(const GroupReport& group, const std::string& device) {
  const GroupSettings& settings = group.settings;
  Notice notice;
  notice.arguments = {"INSTANCE", settings.name, std::string(keepalived_state(group)),
                      std::to_string(priority_of(group))};
  notice.environment = {fmt::format("system={}", settings.is_vrrp() ? "VRRP" : "CARP"),
                        fmt::format("subsystem={}@{}", settings.id(), device),
                        fmt::format("type={}", name(group.state())),
                        fmt::format("CARPOOL_GROUP={}", settings.name),
                        fmt::format("CARPOOL_STATE={}", group.state_name()),
                        fmt::format("CARPOOL_CAUSE={}", group.cause)};
  return notice;
}

// Shared with the coroutine that works it off.
struct Notifier::Queue {
  struct Entry {
    config::Script script;
    Notice notice;
  };
  std::string group;
  std::deque<Entry> waiting;
  bool at_work = false;
  bool stopped = false;

  asio::awaitable<void> run_one(Entry entry) {
    auto request = script_request(entry.script, std::move(entry.notice.environment));
    if (!request) {
      spdlog::error("group {}: notify: {}", group, request.error().message);
      co_return;
    }
    for (std::string& argument : entry.notice.arguments)
      request->arguments.push_back(std::move(argument));
    request->timeout = kTimeLimit;
    const CommandOutcome outcome = co_await run_command(std::move(*request));
    const bool passed = outcome.kind == CommandOutcome::Kind::Exited && outcome.value == 0;
    if (!passed) {
      spdlog::warn("group {}: notify {} {}", group, entry.script.command.front(),
                   to_string(outcome));
    }
  }

  static asio::awaitable<void> work_off(std::shared_ptr<Queue> self) {
    while (!self->stopped && !self->waiting.empty()) {
      Entry entry = std::move(self->waiting.front());
      self->waiting.pop_front();
      co_await self->run_one(std::move(entry));
    }
    self->at_work = false;
  }
};

Notifier::Notifier(asio::io_context& io) : io_(io) {}

Notifier::~Notifier() {
  for (auto& [group, queue] : queues_)
    queue->stopped = true;
}

bool Notifier::idle() const {
  return std::ranges::none_of(queues_, [](const auto& entry) { return entry.second->at_work; });
}

void Notifier::tell(const config::Script& script, const std::string& group, Notice notice) {
  auto& queue = queues_[group];
  if (!queue) queue = std::make_shared<Queue>();
  queue->group = group;
  if (queue->waiting.size() == kMaxWaiting) queue->waiting.pop_front();
  queue->waiting.push_back({script, std::move(notice)});
  if (std::exchange(queue->at_work, true)) return;
  asio::co_spawn(io_, Queue::work_off(queue), [](std::exception_ptr) {});
}

}  // namespace carpool
