// What a server's state follows beside its own check: `track`, `init-state`, `observe`, `on-error`,
// `error-limit` of servers, and `outlier-ejection` of backends.
#include <fmt/format.h>

#include "controlplane/config/sections.h"

namespace carpool::config {
namespace {

// "db1", "mysql/db1"
void set_track(ServerDraft& draft, Statement& statement) {
  const Word* word = statement.take("[BACKEND/]SERVER");
  if (word == nullptr) return;
  const auto slash = word->text.find('/');
  TrackServer track;
  if (slash != word->text.npos) track.backend = word->text.substr(0, slash);
  track.server = slash == word->text.npos ? word->text : word->text.substr(slash + 1);
  track.origin = word->at;
  if (track.server.empty() || (slash != word->text.npos && track.backend.empty())) {
    return statement.error(word->at, fmt::format("'{}' does not name a server", word->text),
                           "write it like db1 or mysql/db1");
  }
  draft.server.track = std::move(track);
}

void set_init_state(ServerDraft& draft, Statement& statement) {
  const auto state = statement.take_choice({"up", "fully-up", "down", "fully-down"});
  if (state) draft.server.init_state = static_cast<InitState>(*state);
}

void set_observe(ServerDraft& draft, Statement& statement) {
  if (statement.more() && statement.peek().text == "layer7") {
    const Word& word = *statement.take("a layer");
    return statement.error(word.at, "'observe layer7' reads HTTP, which carpool does not",
                           "write 'observe layer4'");
  }
  if (statement.take_choice({"layer4"})) draft.server.observe.layer4 = true;
}

void set_on_error(ServerDraft& draft, Statement& statement) {
  const auto what = statement.take_choice({"fastinter", "fail-check", "sudden-death", "mark-down"});
  if (what) draft.server.observe.on_error = static_cast<OnError>(*what);
}

void set_error_limit(ServerDraft& draft, Statement& statement) {
  if (const auto limit = statement.take_number("a number of errors", 1, 1'000'000)) {
    draft.server.observe.error_limit = *limit;
  }
}

// outlier-ejection max-percent N [failure-percent N] [min-attempts N] [interval TIME] [time TIME]
void parse_outlier_ejection(ProxyDraft& proxy, Statement& statement) {
  if (statement.negated()) {
    if (statement.end()) proxy.settings.outliers.reset();
    return;
  }
  OutlierEjection outliers;
  const auto take_percent = [&](std::uint32_t& into) {
    const auto number = statement.take_number("a percentage, from 1 to 100", 1, 100);
    if (number) into = *number;
    return number.has_value();
  };
  const auto take_time = [&](Duration& into) {
    const Origin at = statement.at();
    const auto time = statement.take_time("a time, as in 10s");
    if (time && *time < std::chrono::seconds(1)) {
      statement.error(at, "'outlier-ejection' counts in seconds: no time may be below one");
      return false;
    }
    if (time) into = *time;
    return time.has_value();
  };
  bool bounded = false;
  while (statement.more()) {
    const Word& part = *statement.take("a parameter");
    statement.set_subject(part.text);
    bool good = true;
    if (part.text == "max-percent") {
      bounded = good = take_percent(outliers.max_percent);
    } else if (part.text == "failure-percent") {
      good = take_percent(outliers.failure_percent);
    } else if (part.text == "min-attempts") {
      const auto number = statement.take_number("a number of connections", 1, 1'000'000);
      if (number) outliers.min_attempts = *number;
      good = number.has_value();
    } else if (part.text == "interval") {
      good = take_time(outliers.interval);
    } else if (part.text == "time") {
      good = take_time(outliers.ejection);
    } else {
      return statement.error(
          part.at, fmt::format("unknown parameter '{}' of 'outlier-ejection'", part.text),
          "parameters are max-percent, failure-percent, min-attempts, interval and time");
    }
    if (!good) return;
  }
  if (!bounded) {
    return statement.error(statement.at(), "'outlier-ejection' wants 'max-percent NUMBER'",
                           "it bounds how many of the backend's servers may be out at a time");
  }
  proxy.settings.outliers = outliers;
}

constexpr Handler<ServerDraft> kServerHandlers[] = {{"error-limit", set_error_limit},
                                                    {"init-state", set_init_state},
                                                    {"observe", set_observe},
                                                    {"on-error", set_on_error},
                                                    {"track", set_track}};

constexpr Handler<ProxyDraft> kProxyHandlers[] = {{"outlier-ejection", parse_outlier_ejection}};

}  // namespace

std::span<const Handler<ServerDraft>> observe_handlers() {
  return kServerHandlers;
}
std::span<const Handler<ProxyDraft>> outlier_handlers() {
  return kProxyHandlers;
}

}  // namespace carpool::config
