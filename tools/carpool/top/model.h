// What `carpool top` shows, as plain values: one answer of the daemon, and what changed since the
// one before. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tools/carpool/text.h"

namespace carpool::tool::top {

struct GroupLine {
  std::string name = {};
  std::string state = {};
  std::string cause = {};
  std::string demotion = {};  // "link 240, backends 10"; empty: none
  double since_s = 0;
  Tone tone = Tone::plain;
};

// A line of the table: a service, or one of its servers below it.
struct Row {
  bool is_service = false;
  bool is_backup = false;
  std::string service = {};
  std::string name = {};  // of the server; of the service where that is what this is
  std::string backend = {};
  std::string address = {};  // of the server; where the service listens
  std::string state = {};
  Tone tone = Tone::plain;
  double since_s = 0;
  std::uint64_t weight = 0;
  std::uint64_t active = 0;
  std::uint64_t total = 0;
  std::uint64_t failed = 0;  // refused, reset or not answered
  std::optional<double> connections_per_s = {};
  std::optional<double> bytes_in_per_s = {};
  std::optional<double> bytes_out_per_s = {};
  std::optional<double> failed_per_s = {};
  std::string check = {};       // "L7OK", "L4TOUT"
  std::string check_text = {};  // the last check's own words, or what stands before the next change
  double check_ms = 0;
};

struct DropLine {
  std::string meaning = {};
  std::uint64_t total = 0;
  std::optional<double> per_s = {};
};

struct Model {
  std::string node = {};
  std::string time = {};        // "12:34:56"
  std::string data_plane = {};  // "running", or what is wrong with it
  bool forwards = false;
  std::string mirror = {};  // "in sync with lb2"
  Tone mirror_tone = Tone::plain;
  std::vector<GroupLine> groups;
  std::vector<std::string> problems;
  std::size_t servers_up = 0;
  std::size_t servers = 0;
  std::uint64_t flows_live = 0;
  std::uint64_t flows_capacity = 0;
  std::uint64_t half_open = 0;
  std::vector<double> workers_busy;  // percent
  std::optional<double> packets_per_s = {};
  std::optional<double> bytes_per_s = {};
  std::optional<double> connections_per_s = {};
  std::optional<double> drops_per_s = {};
  std::vector<Row> rows;  // as configured: each service, then its servers
  std::vector<DropLine> drops;
};

// `before` may be null: rates are then unknown, as they are after a restart in between.
[[nodiscard]] Model make_model(const nlohmann::json& now, const nlohmann::json& before);

}  // namespace carpool::tool::top
