#include "controlplane/appliance/config_control.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "controlplane/appliance/file_bundle.h"
#include "controlplane/appliance/names.h"
#include "controlplane/runtime/files.h"

// In this file every co_await stands in a statement of its own: GCC 12 miscompiles some of those
// that are part of a condition.

namespace carpool {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// How soon a reload begins after the one before it.
constexpr auto kTurn = 10ms;
// How old an answer of a name server may be, as with HAProxy's `hold valid`.
constexpr auto kNamesEvery = 10s;
// After a rollback that failed (a disk that is full, say) it is tried again.
constexpr auto kRollBackAgain = 10s;
constexpr std::int64_t kMaxConfirmSeconds = 24 * 3600;

using Loaded = std::expected<LoadedConfig, std::vector<std::string>>;

asio::awaitable<Loaded> load_aside(ConfigSource source, NameAddresses known) {
  co_return load_config(source, known);
}
asio::awaitable<NameAnswers> look_up_aside(std::vector<std::string> names) {
  co_return look_up_all(names);
}

console::Reply json_reply(unsigned status, const nlohmann::json& document) {
  return {status, "application/json",
          document.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

// Whoever reads them may stand in another folder.
std::vector<config::SourceFile> with_absolute_paths(std::vector<config::SourceFile> files) {
  std::error_code ignored;
  for (config::SourceFile& file : files)
    file.path = std::filesystem::absolute(file.path, ignored).string();
  return files;
}

Result<ReloadRequest> read_request(const std::string& body) {
  ReloadRequest request;
  request.confirms = true;
  if (body.empty()) return request;
  const auto document = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return fail("the request is not a JSON object");
  if (const auto seconds = document.find("confirm_s"); seconds != document.end()) {
    const bool good =
        seconds->is_number_integer() && *seconds > 0 && *seconds <= kMaxConfirmSeconds;
    if (!good) return fail("confirm_s is a number of seconds, at most a day");
    request.confirm_within = std::chrono::seconds(seconds->get<std::int64_t>());
    request.confirms = false;
  }
  if (const auto digest = document.find("digest"); digest != document.end()) {
    if (!digest->is_string()) return fail("digest is a text");
    request.digest = *digest;
  }
  return request;
}

}  // namespace

ConfigControl::ConfigControl(asio::io_context& io, ConfigSource source,
                             std::filesystem::path names_file, Hooks hooks)
    : io_(io),
      source_(std::move(source)),
      hooks_(std::move(hooks)),
      trial_(std::filesystem::absolute(source_.path)),
      kept_names_(hooks_.running().kept_names),
      names_file_(std::move(names_file)) {
  remember_names();
  if (auto recalled = trial_.recall(); !recalled) {
    trial_error_ = recalled.error().message;
    spdlog::error("{}", trial_error_);
  }
  if (trial_.pending()) spdlog::warn("the configuration is on trial, and not confirmed yet");
}

void ConfigControl::offer(console::HttpServer& server) {
  server.get("/api/v1/config", [this] { return tell_files(); });
  server.post("/api/v1/config/reload", [this](console::ActionRequest asked) {
    return answer_reload(std::move(asked.body));
  });
  server.post("/api/v1/config/confirm", [this](console::ActionRequest asked) {
    return answer_confirm(std::move(asked.body));
  });
}

// ---- Reload ------------------------------------------------------------------------------------

asio::awaitable<ReloadOutcome> ConfigControl::reload(ReloadRequest request) {
  asio::steady_timer turn(io_);
  boost::system::error_code ignored;
  while (busy_) {
    turn.expires_after(kTurn);
    co_await turn.async_wait(redirect_error(asio::use_awaitable, ignored));
  }
  busy_ = true;
  ReloadOutcome outcome = co_await load_and_take(std::move(request));
  busy_ = false;
  co_return outcome;
}

void ConfigControl::reload_unasked() {
  ReloadRequest plain;
  asio::co_spawn(io_, reload(std::move(plain)), asio::detached);
}

asio::awaitable<ReloadOutcome> ConfigControl::load_and_take(ReloadRequest request) {
  spdlog::info("reloading {}", source_.path.string());
  NameAddresses known = names_in(hooks_.running().config);
  Loaded loaded =
      co_await asio::co_spawn(aside_, load_aside(source_, std::move(known)), asio::use_awaitable);
  if (!loaded) co_return refuse(std::move(loaded.error()));
  ReloadOutcome outcome = take(std::move(*loaded), request);
  co_return outcome;
}

ReloadOutcome ConfigControl::take(LoadedConfig loaded, const ReloadRequest& request) {
  if (!request.digest.empty() && request.digest != loaded.digest) {
    return refuse(
        {fmt::format("{} has changed since it was looked at: look again", source_.path.string())});
  }
  std::vector<std::string> warnings;
  for (const config::Diagnostic& warning : loaded.config.warnings)
    warnings.push_back(config::format_diagnostic(warning));
  auto kept_names = loaded.kept_names;
  const auto before = trial_.pending();
  if (request.confirm_within) {
    // What comes back is what was confirmed last, however many were tried since.
    auto files = before ? before->before : with_absolute_paths(hooks_.running().files);
    auto begun = trial_.begin(
        {Trial::Clock::now() + *request.confirm_within, loaded.digest, std::move(files)});
    if (!begun) return refuse({begun.error().message});
  }
  if (auto taken = hooks_.take(std::move(loaded)); !taken) {
    if (request.confirm_within && !before) trial_.confirm();  // it never began
    return refuse({taken.error().message});
  }
  if (request.confirms) trial_.confirm();
  reload_error_.clear();
  kept_names_ = std::move(kept_names);
  remember_names();
  spdlog::info("reloaded, digest {}", hooks_.running().digest);
  return {true, hooks_.running().digest, std::move(warnings)};
}

ReloadOutcome ConfigControl::refuse(std::vector<std::string> reasons) {
  for (const std::string& reason : reasons)
    spdlog::error("{}", reason);
  reload_error_ = fmt::format("the last reload failed, the configuration before it runs on: {}",
                              reasons.empty() ? "" : reasons.front());
  return {false, hooks_.running().digest, std::move(reasons)};
}

// ---- Trial -------------------------------------------------------------------------------------

void ConfigControl::tick(Instant now) {
  if (now >= next_names_ && !asking_names_) {
    asking_names_ = true;
    asio::co_spawn(io_, ask_names(), [this](std::exception_ptr) {
      asking_names_ = false;
      next_names_ = monotonic_now() + kNamesEvery;
    });
  }
  if (rolling_back_ || busy_ || !trial_.due(Trial::Clock::now())) return;
  rolling_back_ = true;
  asio::co_spawn(io_, roll_back(), [this](std::exception_ptr) { rolling_back_ = false; });
}

asio::awaitable<void> ConfigControl::roll_back() {
  spdlog::warn("nobody confirmed the configuration in time: the one before it comes back");
  if (auto back = trial_.put_back(); !back) {
    trial_error_ = "the unconfirmed configuration cannot be rolled back: " + back.error().message;
    spdlog::error("{}", trial_error_);
    asio::steady_timer again(io_, kRollBackAgain);
    boost::system::error_code ignored;
    co_await again.async_wait(redirect_error(asio::use_awaitable, ignored));
    co_return;
  }
  trial_error_.clear();
  ReloadRequest plain;
  const ReloadOutcome outcome = co_await reload(std::move(plain));
  if (outcome.taken) spdlog::warn("rolled back to digest {}", outcome.digest);
}

std::vector<std::string> ConfigControl::problems() const {
  std::vector<std::string> all;
  if (!reload_error_.empty()) all.push_back(reload_error_);
  if (!trial_error_.empty()) all.push_back(trial_error_);
  all.insert(all.end(), kept_names_.begin(), kept_names_.end());
  if (trial_.pending()) {
    const auto left = trial_.pending()->deadline - Trial::Clock::now();
    all.push_back(fmt::format(
        "the configuration is on trial for another {} s: 'carpool config confirm' keeps it",
        std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::seconds>(left).count())));
  }
  return all;
}

// ---- Names ------------------------------------------------------------------------------------

asio::awaitable<void> ConfigControl::ask_names() {
  std::vector<std::string> names;
  for (const auto& [name, address] : names_in(hooks_.running().config))
    names.push_back(name);
  if (names.empty()) co_return;
  const NameAnswers answers =
      co_await asio::co_spawn(names_aside_, look_up_aside(std::move(names)), asio::use_awaitable);
  // What runs may be another configuration by now: its names are those that count.
  LoadedConfig changed = hooks_.running();
  NamesTaken taken = take_answers(changed.config, answers);
  for (const std::string& line : taken.kept) {
    const bool told = std::ranges::find(kept_names_, line) != kept_names_.end();
    if (!told) spdlog::warn("{}", line);
  }
  kept_names_ = std::move(taken.kept);
  if (taken.moved.empty()) co_return;
  for (const std::string& line : taken.moved)
    spdlog::warn("{}", line);
  const Result<void> outcome = hooks_.take(std::move(changed));
  if (!outcome) spdlog::error("{}", outcome.error().message);
  remember_names();
}

void ConfigControl::remember_names() {
  const NameAddresses names = names_in(hooks_.running().config);
  if (names.empty()) return;
  if (const auto kept = replace_file(names_file_, write_names(names)); !kept) {
    spdlog::warn("{}", kept.error().message);
  }
}

// ---- Answers -----------------------------------------------------------------------------------

console::Reply ConfigControl::tell_files() const {
  const LoadedConfig& running = hooks_.running();
  FileBundle bundle{{{"digest", running.digest},
                     {"path", std::filesystem::absolute(source_.path).string()},
                     {"node", source_.node},
                     {"allow_degraded", source_.allow_degraded ? "yes" : "no"}},
                    with_absolute_paths(running.files)};
  if (trial_.pending()) bundle.about["trial"] = "yes";
  return {200, "application/octet-stream", write_bundle(bundle)};
}

asio::awaitable<console::Reply> ConfigControl::answer_reload(std::string body) {
  auto request = read_request(body);
  nlohmann::json document;
  if (!request) {
    document["error"] = request.error().message;
    co_return json_reply(400, document);
  }
  const ReloadOutcome outcome = co_await reload(std::move(*request));
  document["taken"] = outcome.taken;
  document["digest"] = outcome.digest;
  document["messages"] = outcome.messages;
  co_return json_reply(outcome.taken ? 200 : 409, document);
}

asio::awaitable<console::Reply> ConfigControl::answer_confirm(std::string) {
  nlohmann::json document;
  if (!trial_.pending()) {
    document["error"] = "no configuration is on trial";
    co_return json_reply(409, document);
  }
  trial_.confirm();
  spdlog::info("the configuration is confirmed");
  document["confirmed"] = true;
  co_return json_reply(200, document);
}

}  // namespace carpool
