#include "tests/unit/redundancy/transcript.h"

#include <cmath>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "controlplane/redundancy/carp.h"
#include "controlplane/redundancy/vrrp.h"

namespace carpool::test {
namespace {

constexpr std::uint64_t kFirstCounter = 1000;
constexpr Duration kRounding =
    std::chrono::microseconds(501);  // scripts are written to the millisecond

Duration seconds_of(const std::string& text) {
  return Duration(std::llround(std::stod(text) * 1e9));
}

Ipv4Address address_of(const std::string& text) {
  const auto address = parse_ipv4(text);
  if (!address) throw std::invalid_argument("no address: " + text);
  return *address;
}

// "1/100"
std::pair<std::uint8_t, std::uint8_t> claim_of(const std::string& text) {
  const auto slash = text.find('/');
  return {static_cast<std::uint8_t>(std::stoi(text.substr(0, slash))),
          static_cast<std::uint8_t>(std::stoi(text.substr(slash + 1)))};
}

RouterTimer timer_of(const std::string& text) {
  for (std::size_t i = 0; i < kRouterTimers; ++i) {
    if (name(static_cast<RouterTimer>(i)) == text) return static_cast<RouterTimer>(i);
  }
  throw std::invalid_argument("no timer: " + text);
}

CarpConfig parse_carp_config(std::istream& words) {
  CarpConfig config;
  config.preempt = false;
  std::string claim, at, address;
  words >> claim >> at >> address;
  std::tie(config.advbase, config.advskew) = claim_of(claim);
  config.source = address_of(address);
  for (std::string option; words >> option;) {
    if (option == "preempt") {
      config.preempt = true;
    } else if (option == "demotion-first") {
      config.order = CarpOrder::kDemotionFirst;
    } else if (std::string delay; option == "delay" && words >> delay) {
      config.preempt_delay = seconds_of(delay);
    } else {
      throw std::invalid_argument("no option: " + option);
    }
  }
  return config;
}

CarpAdvertReceived parse_carp_advert(std::istream& words) {
  CarpAdvertReceived advert;
  std::string claim, from, address;
  words >> claim >> from >> address;
  std::tie(advert.advbase, advert.advskew) = claim_of(claim);
  advert.source = address_of(address);
  advert.counter = 7;
  for (std::string option; words >> option;) {
    if (option.front() == '#') advert.counter = std::stoull(option.substr(1));
    if (option == "demoted") {
      unsigned demotion = 0;
      words >> demotion;
      advert.demotion = static_cast<std::uint8_t>(demotion);
    }
  }
  return advert;
}

VrrpInterval interval_of(const std::string& seconds) {
  return VrrpInterval(static_cast<std::uint16_t>(std::lround(std::stod(seconds) * 100)));
}

VrrpConfig parse_vrrp_config(std::istream& words) {
  VrrpConfig config;
  config.preempt = false;
  config.announcements = {1, Duration::zero(), Duration::zero(), 1};
  unsigned priority = 0;
  std::string at, address;
  words >> priority >> at >> address;
  config.priority = static_cast<std::uint8_t>(priority);
  config.source = address_of(address);
  for (std::string option, value; words >> option;) {
    if (option == "preempt") {
      config.preempt = true;
    } else if (option == "v2") {
      config.version = VrrpVersion::k2;
    } else if (option == "every" && words >> value) {
      config.interval = interval_of(value);
    } else if (option == "delay" && words >> value) {
      config.preempt_delay = seconds_of(value);
    } else if (option == "startup" && words >> value) {
      config.startup_delay = seconds_of(value);
    } else if (option == "bonus" && words >> value) {
      config.bonus = static_cast<unsigned>(std::stoul(value));
    } else if (unsigned count = 0, again = 0;
               option == "garp" && words >> count >> value >> option >> again) {
      config.announcements = {static_cast<std::uint8_t>(count), seconds_of(value),
                              seconds_of(option), static_cast<std::uint8_t>(again)};
    } else {
      throw std::invalid_argument("no option: " + option);
    }
  }
  return config;
}

VrrpAdvertReceived parse_vrrp_advert(std::istream& words) {
  VrrpAdvertReceived advert;
  unsigned priority = 0;
  std::string from, address, every, interval;
  words >> priority >> from >> address;
  advert.priority = static_cast<std::uint8_t>(priority);
  advert.source = address_of(address);
  if (words >> every >> interval) advert.interval = interval_of(interval);
  return advert;
}

// What the player has to know of a protocol.
struct Carp {
  using Config = CarpConfig;
  using Machine = CarpMachine;
  using Advert = CarpAdvertReceived;
  using Action = CarpAction;
  static Machine make_machine() { return make_carp_machine(kFirstCounter); }
  static Config parse_config(std::istream& words) { return parse_carp_config(words); }
  static Advert parse_advert(std::istream& words) { return parse_carp_advert(words); }
};
struct Vrrp {
  using Config = VrrpConfig;
  using Machine = VrrpMachine;
  using Advert = VrrpAdvertReceived;
  using Action = VrrpAction;
  static Machine make_machine() { return {}; }
  static Config parse_config(std::istream& words) { return parse_vrrp_config(words); }
  static Advert parse_advert(std::istream& words) { return parse_vrrp_advert(words); }
};

std::string rest_of(std::istream& words) {
  std::string rest;
  std::getline(words >> std::ws, rest);
  return rest;
}

template <class Protocol>
class Player {
 public:
  using Config = typename Protocol::Config;
  using Action = typename Protocol::Action;
  using Happening = RouterEventOf<typename Protocol::Advert>;

  explicit Player(Config config) : config_(config) {}

  // Performs "0.000 link up" and returns the actions in words.
  std::string play(const std::string& line) {
    std::istringstream words(line);
    std::string time, verb;
    words >> time >> verb;
    now_ = Instant(seconds_of(time));
    const auto event = parse_event(verb, words);
    for (const auto& [timer, deadline] : armed_) {
      if (deadline < now_) throw std::invalid_argument(line + ": " + overdue(timer));
    }
    const auto next = step(machine_, config_, {now_, event});
    machine_ = next.machine;
    std::string actions;
    for (const Action& action : next.actions) {
      perform(action);
      actions += (actions.empty() ? "" : "; ") + describe(action, now_);
    }
    return actions;
  }

 private:
  static std::string overdue(RouterTimer timer) {
    return std::string(name(timer)) + " should have expired before";
  }

  Happening parse_event(const std::string& verb, std::istream& words) {
    if (verb == "advert") return Protocol::parse_advert(words);
    if (verb == "config") {
      config_ = Protocol::parse_config(words);
      return ConfigChanged{};
    }
    if (verb == "demote") {
      unsigned value = 0;
      words >> value;
      return DemotionChanged{rest_of(words), value, {}};
    }
    const std::string rest = rest_of(words);
    if (verb == "link") return rest == "up" ? Happening(LinkUp{}) : LinkDown{};
    if (verb == "sent") return SendResult{rest == "ok"};
    if (verb == "lost") return PeerLost{address_of(rest)};
    if (verb == "leave") return Leave{};
    if (verb == "hand") return HandOver{};  // "hand over"
    if (verb == "keep") return KeepMastership{};
    if (verb == "adopt") return AdoptMaster{};
    if (verb == "stale") return TimerExpired{timer_of(rest)};
    if (verb == "expires") return expire(timer_of(rest));
    throw std::invalid_argument("no event: " + verb);
  }

  TimerExpired expire(RouterTimer timer) {
    const auto at = armed_.find(timer);
    if (at == armed_.end()) throw std::invalid_argument(std::string(name(timer)) + " is not armed");
    if (std::chrono::abs(at->second - now_) > kRounding) {
      throw std::invalid_argument(std::string(name(timer)) + " expires at another time");
    }
    now_ = at->second;
    armed_.erase(at);
    return {timer};
  }

  void perform(const Action& action) {
    if (const auto* arm = std::get_if<ArmTimer>(&action)) armed_[arm->timer] = arm->deadline;
    if (const auto* cancel = std::get_if<CancelTimer>(&action)) armed_.erase(cancel->timer);
  }

  Config config_;
  typename Protocol::Machine machine_ = Protocol::make_machine();
  Instant now_;
  std::map<RouterTimer, Instant> armed_;
};

std::string trimmed(const std::string& line) {
  const auto first = line.find_first_not_of(' ');
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(' ') - first + 1);
}

struct Moment {
  std::string event;
  std::string actions;
};

// Lines that begin with a digit are events; others continue the actions of the one before.
std::vector<Moment> parse_moments(std::istream& lines) {
  std::vector<Moment> moments;
  for (std::string raw; std::getline(lines, raw);) {
    const std::string line = trimmed(raw);
    if (line.empty()) continue;
    if (line.front() >= '0' && line.front() <= '9') {
      moments.push_back({line, {}});
    } else if (line.starts_with("=> ")) {
      moments.back().actions = line.substr(3);
    } else {
      moments.back().actions += " " + line;
    }
  }
  return moments;
}

std::string line_of(const std::string& event, const std::string& actions) {
  return event + (actions.empty() ? "" : " => " + actions) + "\n";
}

template <class Protocol>
Replay replay(std::string_view script) {
  std::istringstream lines{std::string(script)};
  std::string header, node;
  std::getline(lines >> std::ws, header);
  std::istringstream words(header);
  words >> node;
  Player<Protocol> player(Protocol::parse_config(words));

  Replay result;
  for (const auto& [event, actions] : parse_moments(lines)) {
    result.expected += line_of(event, actions);
    try {
      result.actual += line_of(event, player.play(event));
    } catch (const std::exception& error) {
      result.actual += line_of(event, std::string("BAD SCRIPT: ") + error.what());
    }
  }
  return result;
}

}  // namespace

Replay replay_carp(std::string_view script) {
  return replay<Carp>(script);
}
Replay replay_vrrp(std::string_view script) {
  return replay<Vrrp>(script);
}

}  // namespace carpool::test
