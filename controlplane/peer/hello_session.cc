#include "controlplane/peer/hello_session.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace carpool::hello {
namespace {

constexpr std::size_t kPeerLink = 0;

bool repeats(const Message& message, Challenge challenge) {
  return challenge != Challenge::none &&
         std::ranges::find(message.echoes, challenge) != message.echoes.end();
}

}  // namespace

Session::Session(Life life, Challenge first)
    : life_(life), challenge_(first == Challenge::none ? Challenge(1) : first) {
  configure({{{"peer", LinkId::peer}}, {}});
}

// Random at first, and never twice the same after.
Challenge Session::fresh_challenge() const {
  const auto next = Challenge(static_cast<std::uint64_t>(challenge_) + 1);
  return next == Challenge::none ? Challenge(1) : next;
}

void Session::configure(SessionSettings settings) {
  std::vector<Link> links;
  for (const LinkSettings& wanted : settings.links) {
    const auto known = std::ranges::find(settings_.links, wanted.id, &LinkSettings::id);
    const bool stays = known != settings_.links.end();
    links.push_back(
        stays ? std::move(links_[static_cast<std::size_t>(known - settings_.links.begin())])
              : Link());
    links.back().report.name = wanted.name;
  }
  std::vector<std::optional<GoneCause>> gone;
  for (const GroupSettings& wanted : settings.groups) {
    const auto known = std::ranges::find(settings_.groups, wanted.id, &GroupSettings::id);
    const bool stays = known != settings_.groups.end();
    gone.push_back(stays ? gone_[static_cast<std::size_t>(known - settings_.groups.begin())]
                         : std::nullopt);
  }
  links_ = std::move(links);
  gone_ = std::move(gone);
  settings_ = std::move(settings);
}

// ---- Hearing ------------------------------------------------------------------------------------

std::optional<Drop> Session::hear(std::size_t at, const Message& message, Ipv4Address source) {
  if (message.life == life_) return Drop::reflected;
  if (at >= links_.size() || message.link != settings_.links[at].id) return Drop::wrong_link;
  if (!peer_ || message.life != peer_->life) {
    if (!repeats(message, challenge_)) {
      stranger_ = message.challenge;
      return Drop::unproven;
    }
    if (message.goodbye) return Drop::ended;
    adopt(message);
  }
  Link& link = links_[at];
  if (peer_->ended) return Drop::ended;
  if (message.sequence <= link.highest) return Drop::replayed;
  if (!repeats(message, challenge_) && !repeats(message, peer_->adopted_with)) {
    return Drop::unproven;
  }
  link.highest = message.sequence;
  peer_->challenge = message.challenge;
  if (message.goodbye) {
    peer_->ended = true;
    for (Link& ended : links_)
      ended.heard = ended.lost = ended.fresh = false;
    pending_.emplace_back(PeerEnded{});
    return std::nullopt;
  }
  link.fresh = link.heard = true;
  link.peer_interval = message.interval;
  link.source = source;
  ++link.report.heard;
  if (message.tells_claims) peer_->claims = message.claims;
  return std::nullopt;
}

void Session::adopt(const Message& message) {
  peer_ = Peer{message.life, message.challenge, challenge_, false, std::nullopt};
  challenge_ = fresh_challenge();
  stranger_ = Challenge::none;
  for (Link& link : links_) {
    link.highest = 0;
    link.heard = link.lost = link.fresh = false;
    link.silence = link.unseen = {};
  }
  std::ranges::fill(gone_, std::nullopt);
  pending_.emplace_back(PeerFound{});
}

// ---- Looking ------------------------------------------------------------------------------------

void Session::look(Instant now, bool workers_ran, std::vector<Event>& events) {
  const Duration gap = now - std::exchange(last_look_, now);
  for (Event& event : pending_)
    events.push_back(std::move(event));
  pending_.clear();
  for (std::size_t at = 0; at < links_.size(); ++at)
    count_silence(at, gap, at == kPeerLink || workers_ran, events);
  for (std::size_t at = 0; at < settings_.groups.size(); ++at) {
    const GroupSettings& group = settings_.groups[at];
    const auto why = why_gone(group);
    const auto before = std::exchange(gone_[at], why);
    if (why && !before) {
      events.emplace_back(PeerGone{group.name, links_[group.link].source, *why});
    }
  }
}

// However long this side was away itself, all that it knows is that one hello did not come.
void Session::count_silence(std::size_t at, Duration gap, bool could_hear,
                            std::vector<Event>& events) {
  Link& link = links_[at];
  if (!link.heard) return;
  const LinkSettings& settings = settings_.links[at];
  if (std::exchange(link.fresh, false)) {
    if (!link.lost) {
      link.report.longest_silence = std::max(link.report.longest_silence, link.silence);
    }
    link.silence = link.unseen = {};
    if (std::exchange(link.lost, false)) events.emplace_back(LinkBack{settings.name});
    return;
  }
  link.unseen += gap;
  if (!could_hear) return;
  link.silence +=
      std::min<Duration>(std::exchange(link.unseen, Duration::zero()), settings.interval);
  if (link.lost || !is_silent(link, settings.interval, settings.count)) return;
  link.lost = true;
  ++link.report.losses;
  events.emplace_back(LinkLost{settings.name});
}

// A peer that is configured to speak less often, for instance as it is reloaded later, is not
// silent for that.
bool Session::is_silent(const Link& link, std::chrono::milliseconds interval,
                        unsigned count) const {
  return link.heard && link.silence >= count * std::max(interval, link.peer_interval);
}

std::optional<GoneCause> Session::why_gone(const GroupSettings& group) const {
  if (group.link >= links_.size() || !peer_) return std::nullopt;
  const Link& peer_link = links_[kPeerLink];
  if (!is_silent(links_[group.link], group.interval, group.count)) return std::nullopt;
  if (is_silent(peer_link, group.interval, group.count)) return GoneCause::silent;
  const bool released = peer_link.heard && peer_->claims &&
                        std::ranges::find(*peer_->claims, group.id) == peer_->claims->end();
  return released ? std::optional(GoneCause::released) : std::nullopt;
}

// ---- Sending ------------------------------------------------------------------------------------

Message Session::next(std::size_t at) {
  Message message;
  message.life = life_;
  message.link = settings_.links[at].id;
  message.interval = settings_.links[at].interval;
  message.challenge = challenge_;
  message.echoes = {peer_ ? peer_->challenge : Challenge::none, stranger_};
  message.sequence = links_[at].next_sequence++;
  message.tells_claims = at == kPeerLink;
  if (message.tells_claims) message.claims = claims_;
  return message;
}

Message Session::goodbye() {
  Message message = next(kPeerLink);
  message.goodbye = true;
  return message;
}

// ---- Text ---------------------------------------------------------------------------------------

std::vector<LinkReport> Session::links() const {
  std::vector<LinkReport> reports;
  for (const Link& link : links_) {
    LinkReport report = link.report;
    report.silence = link.silence;
    report.state = !link.heard ? LinkState::unheard : link.lost ? LinkState::lost : LinkState::up;
    reports.push_back(std::move(report));
  }
  return reports;
}

std::string_view name(LinkState state) {
  switch (state) {
    case LinkState::unheard:
      return "unheard";
    case LinkState::up:
      return "up";
    case LinkState::lost:
      return "lost";
  }
  std::unreachable();
}

namespace {

std::string words(const PeerFound&) {
  return "another carpool is heard";
}
std::string words(const PeerEnded&) {
  return "the peer says goodbye: adverts alone tell of it from now on";
}
std::string words(const LinkLost& event) {
  return fmt::format("the peer is not heard on the {} link", event.link);
}
std::string words(const LinkBack& event) {
  return fmt::format("the peer is heard again on the {} link", event.link);
}
std::string words(const PeerGone& event) {
  return fmt::format(
      "group {}: {}", event.group,
      event.cause == GoneCause::silent
          ? "the peer is gone: it is silent on its data link and on the peer link"
          : "the peer takes no part any more, it says, and is silent on its data link");
}

}  // namespace

std::string describe(const Event& event) {
  return std::visit([](const auto& alternative) { return words(alternative); }, event);
}

}  // namespace carpool::hello
