// What a MySQL server should be, beyond letting one in: which queries tell, and what their answers
// mean. Columns and variables are looked up by name, since each of MySQL, MariaDB and Percona has
// more, fewer, renamed and reordered ones. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/health/mysql_session.h"

namespace carpool::mysql {

struct Alive {  // logging in says it all
  friend bool operator==(const Alive&, const Alive&) = default;
};
struct Writable {  // read_only and super_read_only are off
  friend bool operator==(const Writable&, const Writable&) = default;
};
struct Replica {  // replication runs, on all channels
  std::optional<std::uint32_t> max_lag_s;

  friend bool operator==(const Replica&, const Replica&) = default;
};
struct Galera {              // a synced member of the primary component, not in maintenance
  bool allow_donor = false;  // one that brings another member up to date is good too

  friend bool operator==(const Galera&, const Galera&) = default;
};
using Expectation = std::variant<Alive, Writable, Replica, Galera>;

// One thing to ask, in one or more spellings: where the server does not understand one, the next is
// tried.
using Question = std::vector<std::string>;

struct Judgement {
  bool good = false;
  std::string text;  // "read_only is ON"; may be empty where all is well

  friend bool operator==(const Judgement&, const Judgement&) = default;
};

// The questions that find out, to be asked in this order; none for Alive.
[[nodiscard]] std::vector<Question> questions_for(const Expectation& expectation);
// `answers` are those to the questions for this expectation, without errors.
[[nodiscard]] Judgement judge(const Expectation& expectation, const std::vector<Answer>& answers);

// A query of the user's: good where it has no result at all, or where the first value of its first
// row is something other than 0, empty and NULL. No row at all is bad.
[[nodiscard]] Judgement judge_query(const Answer& answer);

}  // namespace carpool::mysql
