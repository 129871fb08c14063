// `track` and `notify` lines of `redundancy` sections: what demotes a group, or takes it off this
// node, when it is not well, and who is told.
#include <algorithm>

#include <fmt/format.h>

#include "controlplane/config/sections.h"

namespace carpool::config {
namespace {

// `weight N`, with a sign perhaps. What the protocol can do with it is checked later.
std::optional<int> take_weight(Statement& statement) {
  statement.set_subject("weight");
  const Word* word = statement.take("a number, from -253 to 253");
  if (word == nullptr) return std::nullopt;
  const bool negative = word->text.starts_with('-');
  const auto number = parse_number(std::string_view(word->text).substr(negative ? 1 : 0), 0,
                                   static_cast<std::uint32_t>(kMaxTrackWeight));
  if (!number) {
    statement.error(word->at,
                    fmt::format("'{}' is no weight: it goes from -253 to 253", word->text));
    return std::nullopt;
  }
  return negative ? -static_cast<int>(*number) : static_cast<int>(*number);
}

// A program with its full path, and arguments, in one word.
std::optional<std::vector<std::string>> take_command(Statement& statement) {
  const Word* word = statement.take("the full path of a program");
  if (word == nullptr) return std::nullopt;
  std::vector<std::string> command;
  for (std::string_view rest = word->text;;) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    if (rest.empty()) break;
    const auto end = std::min(rest.find(' '), rest.size());
    command.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  if (!command.empty() && command.front().starts_with('/')) return command;
  statement.error(word->at, fmt::format("'{}' is not the full path of a program", word->text),
                  "write it like /etc/carpool/check, with its arguments in quotes");
  return std::nullopt;
}

// False if it was there and wrong.
bool take_optional_weight(TrackCommon& track, Statement& statement) {
  if (!statement.accept("weight")) return true;
  track.weight = take_weight(statement);
  return track.weight.has_value();
}

void parse_track_backend(RedundancyGroup& group, Statement& statement) {
  TrackBackend track;
  track.origin = statement.at();
  auto name = statement.take_name("the name of a backend");
  if (!name) return;
  track.backend = std::move(*name);
  if (statement.accept("at-least")) {
    statement.set_subject("at-least");
    const auto number = statement.take_number("a number of servers", 1, kMaxServersPerBackend);
    if (!number) return;
    track.at_least = *number;
  }
  if (take_optional_weight(track, statement) && statement.end()) {
    group.tracks.push_back(std::move(track));
  }
}

void parse_track_port(RedundancyGroup& group, Statement& statement) {
  TrackPort track;
  track.origin = statement.at();
  auto name = statement.take_name("the name of a port");
  if (!name) return;
  track.port = std::move(*name);
  if (take_optional_weight(track, statement) && statement.end()) {
    group.track_ports.push_back(std::move(track));
  }
}

bool take_script_parameter(TrackScript& track, Statement& statement) {
  const auto parameter =
      statement.take_choice({"interval", "timeout", "rise", "fall", "weight", "user"});
  if (!parameter) return false;
  constexpr std::string_view kNames[] = {"interval", "timeout", "rise", "fall", "weight", "user"};
  statement.set_subject(kNames[*parameter]);
  switch (*parameter) {
    case 0:
    case 1: {
      const auto time = statement.take_time("a time, as in 2s");
      if (!time) return false;
      if (*time < kMinScriptTime || *time > kMaxScriptTime) {
        statement.error(statement.at(), "times of a script go from 100ms to 1h");
        return false;
      }
      (*parameter == 0 ? track.interval : track.timeout) = *time;
      return true;
    }
    case 2:
    case 3: {
      const auto number = statement.take_number("a number of runs", 1, kMaxScriptStreak);
      if (!number) return false;
      (*parameter == 2 ? track.rise : track.fall) = *number;
      return true;
    }
    case 4:
      track.weight = take_weight(statement);
      return track.weight.has_value();
    default: {
      auto user = statement.take_name("the name of a user");
      if (!user) return false;
      track.script.user = std::move(*user);
      return true;
    }
  }
}

void parse_track_script(RedundancyGroup& group, Statement& statement) {
  TrackScript track;
  track.origin = statement.at();
  auto command = take_command(statement);
  if (!command) return;
  track.script.command = std::move(*command);
  while (statement.more()) {
    statement.set_subject("track script");
    if (!take_script_parameter(track, statement)) return;
  }
  group.track_scripts.push_back(std::move(track));
}

}  // namespace

void parse_track(RedundancyDraft& draft, Statement& statement) {
  const auto what = statement.take_choice({"backend", "port", "script"});
  if (!what) return;
  if (*what == 0) return parse_track_backend(draft.group, statement);
  if (*what == 1) return parse_track_port(draft.group, statement);
  parse_track_script(draft.group, statement);
}

// `notify PATH [user NAME]`
void parse_notify(RedundancyDraft& draft, Statement& statement) {
  Script script;
  auto command = take_command(statement);
  if (!command) return;
  script.command = std::move(*command);
  if (statement.accept("user")) {
    statement.set_subject("user");
    auto user = statement.take_name("the name of a user");
    if (!user) return;
    script.user = std::move(*user);
  }
  if (statement.end()) draft.group.notify = std::move(script);
}

}  // namespace carpool::config
