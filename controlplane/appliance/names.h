// Servers that are named instead of numbered: what their names mean now, and what they meant last.
// A name that cannot be resolved keeps its last address, over restarts too, so that a name server
// that is down takes no service with it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/model.h"
#include "dataplane/base/result.h"
#include "dataplane/net/address.h"

namespace carpool {

using NameAddresses = std::map<std::string, Ipv4Address, std::less<>>;
using NameAnswer = Result<std::vector<Ipv4Address>>;  // never empty
using NameAnswers = std::map<std::string, NameAnswer, std::less<>>;

// Asks the system, which may take many seconds.
[[nodiscard]] NameAnswer look_up(const std::string& name);
[[nodiscard]] NameAnswers look_up_all(const std::vector<std::string>& names);

// Of several addresses the one that is in use, so that rotating answers move nobody; else the
// first.
[[nodiscard]] Ipv4Address choose_address(const std::vector<Ipv4Address>& addresses,
                                         const Ipv4Address* in_use);

// The names of all servers that have one, each once, and the addresses that they have.
[[nodiscard]] NameAddresses names_in(const config::Config& config);

// Gives servers the addresses that their names have now. Names without an answer keep theirs.
struct NamesTaken {
  std::vector<std::string> moved;  // "db1.example is 10.0.0.12 now, and was 10.0.0.11"
  std::vector<std::string> kept;   // "db1.example cannot be resolved (...), and keeps 10.0.0.11"
};
[[nodiscard]] NamesTaken take_answers(config::Config& config, const NameAnswers& answers);

// For the file that remembers them: "NAME ADDRESS" a line. Lines that are not so are left out.
[[nodiscard]] std::string write_names(const NameAddresses& names);
[[nodiscard]] NameAddresses read_names(std::string_view text);

}  // namespace carpool
