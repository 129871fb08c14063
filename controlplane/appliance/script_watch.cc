#include "controlplane/appliance/script_watch.h"

#include <exception>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "controlplane/appliance/script_command.h"
#include "controlplane/runtime/command.h"

namespace carpool {

namespace asio = boost::asio;

// Shared by the watch and the coroutine that runs it, which may outlive the watch's interest.
struct ScriptWatch::Task {
  std::string group;
  config::TrackScript track;
  ScriptState state;
  asio::steady_timer pause;
  bool stopped = false;

  Task(asio::io_context& io, std::string of, config::TrackScript tracked, ScriptState known)
      : group(std::move(of)), track(std::move(tracked)), state(std::move(known)), pause(io) {}

  void take(const CommandOutcome& outcome) {
    const ScriptState before = state;
    const bool passed = outcome.kind == CommandOutcome::Kind::Exited && outcome.value == 0;
    note_run(state, track, passed, to_string(outcome));
    if (before.known == state.known && before.well == state.well) return;
    spdlog::log(state.well ? spdlog::level::info : spdlog::level::warn, "group {}: script {}: {}",
                group, track.script.command.front(), state.well ? "well" : state.why);
  }

  static asio::awaitable<void> run(std::shared_ptr<Task> self) {
    while (!self->stopped) {
      const Instant start = monotonic_now();
      auto request = script_request(self->track.script, {"CARPOOL_GROUP=" + self->group});
      if (request) {
        request->timeout = self->track.timeout;
        const CommandOutcome outcome = co_await run_command(std::move(*request));
        self->take(outcome);
      } else {
        note_run(self->state, self->track, false, request.error().message);
      }
      boost::system::error_code ignored;
      self->pause.expires_at(start + self->track.interval);
      if (!self->stopped) {
        co_await self->pause.async_wait(redirect_error(asio::use_awaitable, ignored));
      }
    }
  }
};

ScriptWatch::ScriptWatch(asio::io_context& io) : io_(io) {}

ScriptWatch::~ScriptWatch() {
  for (auto& [key, task] : tasks_) {
    task->stopped = true;
    task->pause.cancel();
  }
}

void ScriptWatch::configure(const config::Config& config) {
  std::map<ScriptKey, std::shared_ptr<Task>> tasks;
  for (const config::RedundancyGroup& group : config.groups) {
    for (const config::TrackScript& track : group.track_scripts) {
      const ScriptKey key{group.name, track.script};
      const auto running = tasks_.find(key);
      if (running != tasks_.end() && running->second->track == track) {
        tasks[key] = running->second;
        continue;
      }
      const ScriptState known = running == tasks_.end() ? ScriptState{} : running->second->state;
      const auto task = std::make_shared<Task>(io_, group.name, track, known);
      tasks[key] = task;
      asio::co_spawn(io_, Task::run(task), [](std::exception_ptr) {});
    }
  }
  for (auto& [key, task] : tasks_) {
    const auto kept = tasks.find(key);
    if (kept != tasks.end() && kept->second == task) continue;
    task->stopped = true;
    task->pause.cancel();
  }
  tasks_ = std::move(tasks);
}

ScriptStates ScriptWatch::states() const {
  ScriptStates states;
  for (const auto& [key, task] : tasks_)
    states.emplace(key, task->state);
  return states;
}

}  // namespace carpool
