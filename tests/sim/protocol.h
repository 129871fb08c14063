// What the simulated nodes and the checkers need to know about a redundancy protocol.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "controlplane/redundancy/carp.h"
#include "controlplane/redundancy/vrrp.h"
#include "tests/sim/random.h"

namespace carpool::sim {

// What the nodes of one course agree on.
struct Agreement {
  bool preempt = true;
  Duration preempt_delay{};
  bool other_order = false;  // CARP: OpenBSD's. VRRP: version 2
};

struct Carp {
  static constexpr const char* kName = "carp";
  using Config = CarpConfig;
  using Machine = CarpMachine;
  using Event = CarpEvent;
  using Step = CarpStep;
  using Action = CarpAction;
  using SendAdvert = SendCarpAdvert;
  using AdvertReceived = CarpAdvertReceived;

  static Machine make_machine(Random& random) { return make_carp_machine(random.bits()); }
  static AdvertReceived heard(const Config& config, const SendAdvert& sent) {
    return {config.source, sent.advbase, sent.advskew, sent.demotion, sent.counter};
  }
  static bool follows(const SendAdvert& last, const SendAdvert& next) {
    return next.counter == last.counter + 1;
  }
  static bool is_starting(const Machine&) { return false; }
  static std::string text(const AdvertReceived& advert) {
    return fmt::format("{}/{} from {}", advert.advbase, advert.advskew, to_string(advert.source));
  }

  static Duration interval(const Config& config, const Machine& machine) {
    return carp_interval(config.advbase, demoted_advskew(config.advskew, machine.demotion));
  }
  static Duration master_down(const Config& config, const Machine& machine) {
    return carp_master_down(config.advbase, demoted_advskew(config.advskew, machine.demotion));
  }
  // How it would rank as a master, from what it would advertise; less is preferred.
  static std::pair<unsigned, Duration> rank(const Config& config, const Machine& machine) {
    const bool demotion_first = config.order == CarpOrder::kDemotionFirst;
    return {demotion_first ? machine.demotion.total() : 0, interval(config, machine)};
  }
  // How long a preferred node needs, beyond silence and delays, until it has the addresses: it
  // takes over at the next advert of the less preferred one.
  static Duration preempts_within(const Config& config, const Machine& machine) {
    return 2 * interval(config, machine);
  }

  static Config random_config(Random& random, const Agreement& agreement, Ipv4Address source) {
    Config config;
    config.vhid = 53;
    config.advbase = random.chance(80) ? 1 : 2;
    // Equal skews are frequent: ties must be settled, too. Above 240, a node with an advbase of 2
    // would advertise so close to the 3 s at which one with 1 times out that delay alone makes it
    // do so.
    constexpr std::uint8_t kSkews[] = {0, 100, 100, 200, 240};
    config.advskew = kSkews[random.below(std::size(kSkews))];
    config.preempt = agreement.preempt;
    config.preempt_delay = agreement.preempt_delay;
    config.order = agreement.other_order ? CarpOrder::kDemotionFirst : CarpOrder::kInterval;
    config.source = source;
    return config;
  }
};

struct Vrrp {
  static constexpr const char* kName = "vrrp";
  using Config = VrrpConfig;
  using Machine = VrrpMachine;
  using Event = VrrpEvent;
  using Step = VrrpStep;
  using Action = VrrpAction;
  using SendAdvert = SendVrrpAdvert;
  using AdvertReceived = VrrpAdvertReceived;

  static Machine make_machine(Random&) { return {}; }
  static AdvertReceived heard(const Config& config, const SendAdvert& sent) {
    return {config.source, sent.priority, sent.interval};
  }
  static bool follows(const SendAdvert&, const SendAdvert&) { return true; }
  static bool is_starting(const Machine& machine) { return machine.starting; }
  static std::string text(const AdvertReceived& advert) {
    return fmt::format("{} every {} ms from {}", advert.priority, advert.interval.count() * 10,
                       to_string(advert.source));
  }

  static Duration interval(const Config& config, const Machine&) { return config.interval; }
  static Duration master_down(const Config& config, const Machine& machine) {
    const auto learned = machine.learned.value_or(config.interval);
    return vrrp_master_down(std::max(learned, config.interval),
                            effective_priority(config, machine.demotion));
  }
  // The address does not count: whoever of equals is there stays.
  static int rank(const Config& config, const Machine& machine) {
    return -effective_priority(config, machine.demotion);
  }
  // It takes over by no longer hearing the less preferred one, once it takes part at all.
  static Duration preempts_within(const Config& config, const Machine& machine) {
    return config.startup_delay + master_down(config, machine) + interval(config, machine);
  }

  static Config random_config(Random& random, const Agreement& agreement, Ipv4Address source) {
    Config config;
    config.vrid = 53;
    config.version = agreement.other_order ? VrrpVersion::k2 : VrrpVersion::k3;
    // Version 2 wants the same interval everywhere. Of version 3 they may differ, and the fastest
    // are slower than what delays packets on a calm network.
    constexpr std::uint16_t kIntervals[] = {100, 100, 200, 50};
    if (config.version == VrrpVersion::k3) {
      config.interval = VrrpInterval(kIntervals[random.below(std::size(kIntervals))]);
    }
    constexpr std::uint8_t kPriorities[] = {100, 100, 150, 200, 254};
    config.priority = kPriorities[random.below(std::size(kPriorities))];
    config.preempt = agreement.preempt;
    config.preempt_delay = agreement.preempt_delay;
    if (random.chance(20)) config.startup_delay = std::chrono::seconds(2);
    if (random.chance(20)) config.announcements.refresh = std::chrono::seconds(3);
    config.source = source;
    return config;
  }
};

}  // namespace carpool::sim
