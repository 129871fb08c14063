#include "controlplane/config/settle_redundancy.h"

#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace carpool::config {
namespace {

// A keyword of one protocol, and what the other one has in its place.
struct Rival {
  std::string_view keyword;
  std::string_view instead;
};
constexpr Rival kOnlyCarp[] = {
    {"vhid", "write 'vrid'"},
    {"advbase", "write 'advert-interval'"},
    {"advskew", "write 'priority': there the higher one leads"},
    {"address-order", "remove it: the order of addresses does not count in VRRP"},
};
constexpr Rival kOnlyVrrp[] = {
    {"vrid", "write 'vhid'"},
    {"advert-interval", "write 'advbase', in seconds"},
    {"priority", "write 'advskew': there the lower one leads"},
    {"startup-delay", "remove it, or write 'protocol vrrp 3'"},
    {"unicast", "remove it, or write 'protocol vrrp 3'"},
    {"garp", "remove it: a new master of CARP announces its addresses four times"},
    {"checksum", "remove it: CARP's checksum has one form"},
};

void check_keywords(const RedundancyDraft& draft, Report& report) {
  const bool vrrp = draft.group.is_vrrp();
  for (const auto& [keyword, instead] : vrrp ? std::span<const Rival>(kOnlyCarp) : kOnlyVrrp) {
    const auto written = draft.written.find(std::string(keyword));
    if (written == draft.written.end()) continue;
    report.error(
        written->second,
        fmt::format("'{}' is for {}, and redundancy '{}' speaks {}", keyword,
                    vrrp ? "CARP" : "VRRP", draft.group.name, to_string(draft.group.protocol)),
        std::string(instead));
  }
}

Origin place_of(const RedundancyDraft& draft, const std::string& keyword) {
  const auto written = draft.written.find(keyword);
  return written == draft.written.end() ? draft.group.origin : written->second;
}

void check_password(const RedundancyDraft& draft, Report& report) {
  const RedundancyGroup& group = draft.group;
  if (!draft.written.contains("pass")) return;
  const Origin at = place_of(draft, "pass");
  if (group.protocol == RedundancyProtocol::Vrrp3) {
    return report.error(at, "VRRP 3 has no passwords",
                        "remove it; adverts are believed because no router passes them on");
  }
  const std::size_t most = group.is_vrrp() ? kMaxVrrpPassLength : kMaxCarpPassLength;
  if (group.password.size() <= most) return;
  report.error(
      at,
      fmt::format("the password has {} bytes, and {} takes {}: the rest would not count",
                  group.password.size(), group.is_vrrp() ? "VRRP 2" : "CARP", most),
      "shorten it; other implementations cut it off there, so the same beginning matches them");
}

void check_interval(const RedundancyDraft& draft, Report& report) {
  const bool v2 = draft.group.protocol == RedundancyProtocol::Vrrp2;
  const Duration step = v2 ? Duration(std::chrono::seconds(1)) : kVrrp3IntervalStep;
  const Duration most = v2 ? kMaxVrrp2Interval : kMaxVrrp3Interval;
  const Duration interval = draft.group.vrrp.interval;
  if (interval >= step && interval <= most && interval % step == Duration::zero()) return;
  report.error(place_of(draft, "advert-interval"),
               v2 ? "'advert-interval' of VRRP 2 is in whole seconds, from 1s to 255s"
                  : "'advert-interval' of VRRP 3 is in steps of 10ms, from 10ms to 40950ms",
               v2 ? "'protocol vrrp 3' can be faster" : "");
}

// What a weight may be, by protocol.
void check_weight(const RedundancyGroup& group, const TrackCommon& track, Report& report) {
  if (!track.weight || group.is_vrrp()) return;  // the parser has looked at VRRP's bounds
  if (*track.weight < 0) {
    report.error(track.origin, "a weight of CARP has no sign: it is added to the advskew",
                 fmt::format("write 'weight {}'", -*track.weight));
  } else if (*track.weight > kMaxCarpTrackWeight) {
    report.error(track.origin,
                 fmt::format("a weight of CARP goes from 0 to {}", kMaxCarpTrackWeight));
  }
}

void check_weights(const RedundancyGroup& group, Report& report) {
  for (const TrackBackend& track : group.tracks)
    check_weight(group, track, report);
  for (const TrackPort& track : group.track_ports)
    check_weight(group, track, report);
  for (const TrackScript& track : group.track_scripts)
    check_weight(group, track, report);
}

void check_vrrp(const RedundancyDraft& draft, Report& report) {
  const RedundancyGroup& group = draft.group;
  check_interval(draft, report);
  if (group.addresses.size() > kMaxVrrpAddresses) {
    report.error(group.addresses[kMaxVrrpAddresses].origin,
                 fmt::format("a VRRP advert has room for {} addresses", kMaxVrrpAddresses),
                 "write the others as 'floating', which are not advertised");
  }
  if (draft.written.contains("fast-hello") && !group.vrrp.unicast_peers.empty()) {
    report.error(place_of(draft, "fast-hello"),
                 "'fast-hello' goes by multicast, and the adverts of this group by unicast",
                 "remove one of the two; 'advert-interval 100ms' is fast, too");
  }
  if (draft.written.contains("checksum") && group.protocol == RedundancyProtocol::Vrrp2) {
    report.error(place_of(draft, "checksum"), "VRRP 2's checksum has one form", "remove it");
  }
}

}  // namespace

RedundancyGroup settle_redundancy(RedundancyDraft draft, Report& report) {
  check_keywords(draft, report);
  check_password(draft, report);
  check_weights(draft.group, report);
  if (draft.group.is_vrrp()) check_vrrp(draft, report);
  // RFC 9568 has routers preempt unless told otherwise, FreeBSD's CARP the other way round.
  draft.group.preempt = draft.preempt.value_or(draft.group.is_vrrp());
  return std::move(draft.group);
}

}  // namespace carpool::config
