#include "controlplane/appliance/operations.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "controlplane/runtime/files.h"
#include "controlplane/runtime/join.h"

// In this file every co_await stands in a statement of its own: GCC 12 miscompiles some of those
// that are part of a condition.

namespace carpool {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Duration kPoll = 1ms;
// The peer link has a round trip of milliseconds, and what is asked is answered at once.
constexpr Duration kAnswerLimit = 2s;
// A switchover that the peer runs for us: its own questions, and a takeover of any protocol.
constexpr Duration kRemoteLimit = 15s;
// What is not told yet has to be on its way before the peer takes over, or it would not know the
// last connections.
constexpr Duration kToldLimit = 3s;
constexpr Duration kToldLag = 50ms;
// The peer says several times a second what it claims.
constexpr Duration kClaimLimit = 2s;

constexpr const char* kBusy = "another switchover, drill or demotion is under way on this node";

std::string timestamp() {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

double ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

Operations::Operations(asio::io_context& io, OperationsNode& node, std::filesystem::path file)
    : io_(io), node_(node), file_(std::move(file)) {}

// ---- What operators ask -------------------------------------------------------------------------

Operations::Pending<std::vector<GroupMove>> Operations::switchover(std::string group,
                                                                   std::string who) {
  const auto turn = begin();
  if (!turn) co_return refuse(kBusy);
  auto moved = co_await move(std::move(group), std::move(who));
  co_return moved;
}

Operations::Pending<DrillReport> Operations::drill(std::string group, std::string who) {
  const auto turn = begin();
  if (!turn) co_return refuse(kBusy);
  DrillReport report;
  auto there = co_await move(std::move(group), who + ", as a drill");
  if (!there) co_return std::unexpected(std::move(there.error()));
  report.there = std::move(*there);
  co_await pause(kDrillStay);
  for (const GroupMove& moved : report.there) {
    const auto again = std::ranges::find(report.back, moved.group, &GroupMove::group);
    if (again != report.back.end()) continue;  // came along with a companion
    auto back = co_await move(moved.group, who + ", as a drill");
    if (!back) {
      Refusal& refusal = back.error();
      refusal.kind = Refusal::Kind::kFailed;
      refusal.why = fmt::format("group {} went to {} but does not come back: {}", moved.group,
                                moved.to, refusal.why);
      co_return std::unexpected(std::move(refusal));
    }
    report.back.insert(report.back.end(), back->begin(), back->end());
  }
  co_return report;
}

Operations::Pending<MaintenanceReport> Operations::demote(bool on, std::string group,
                                                          std::string who) {
  const auto turn = begin();
  if (!turn) co_return refuse(kBusy);
  auto names = groups_named(node_.config(), group);
  if (!names) co_return std::unexpected(std::move(names.error()));
  MaintenanceReport report;
  report.on = on;
  report.groups = *names;
  if (on) {
    // First of all to the peer without a loss, where it can; a peer that preempts would come
    // anyway.
    const Names held = holdings(*names, node_.groups()).held;
    if (!held.empty()) {
      auto moved = co_await give(held, who);
      if (moved) {
        report.moved = std::move(*moved);
      } else {
        report.kept = std::move(moved.error().why);
      }
    }
  }
  const std::string now = timestamp();
  for (const std::string& name : *names) {
    OperatorWishes& wishes = state_[name];
    wishes.moved.reset();
    if (!on) {
      wishes.maintenance.reset();
    } else if (!wishes.maintenance) {
      wishes.maintenance = Maintenance{who, now};
    }
  }
  std::erase_if(state_, [](const auto& each) { return each.second.empty(); });
  save();
  node_.wishes_changed();
  spdlog::warn("maintenance of {} {} by {}", joined(*names, ", "), on ? "begun" : "ended", who);
  co_return report;
}

// ---- Moving groups ------------------------------------------------------------------------------

// In whichever direction it goes.
Operations::Pending<std::vector<GroupMove>> Operations::move(std::string group, std::string who) {
  auto names = groups_named(node_.config(), group);
  if (!names) co_return std::unexpected(std::move(names.error()));
  const Holdings holding = holdings(*names, node_.groups());
  if (!holding.held.empty()) {
    auto given = co_await give(holding.held, std::move(who));
    co_return given;
  }
  if (holding.others.empty()) {
    co_return refuse("there is no data plane, so this node takes part in no group");
  }
  auto fetched = co_await fetch(std::move(group), std::move(who));
  co_return fetched;
}

Operations::Pending<std::vector<GroupMove>> Operations::give(Names groups, std::string who) {
  auto refusal = co_await prepare(groups, who);
  if (refusal) co_return std::unexpected(std::move(*refusal));

  spdlog::warn("handing over {} to {}, asked by {}", joined(groups, ", "), peer_name(), who);
  const std::string to = peer_name();
  const Instant began = monotonic_now();
  Duration limit{};
  for (const std::string& name : groups) {
    if (const GroupReport* group = find(name)) limit = std::max(limit, takeover_limit(*group));
    node_.hand_over(name);
  }
  giving_ = true;
  std::function<bool()> is_gone = [&] { return holdings(groups, node_.groups()).held.empty(); };
  const bool all_gone = co_await wait_until(std::move(is_gone), limit);
  giving_ = false;

  std::vector<GroupMove> moved;
  Names kept;
  for (const std::string& name : groups) {
    const GroupReport* group = find(name);
    if (group != nullptr && group->state() == RouterState::kBackup && group->since >= began) {
      moved.push_back({name, node_.config().node.name, to, group->since - began});
      settle_moved(name, who);
      spdlog::warn(
          "group {}: handed over to {}, whose first advert came {:.1f} ms after the "
          "farewell",
          name, to, ms(moved.back().took));
    } else {
      node_.keep_mastership(name);
      kept.push_back(name);
    }
  }
  save();
  node_.wishes_changed();
  if (!all_gone || !kept.empty()) {
    std::string why =
        fmt::format("{} did not take over {} within {:.0f} ms, so this node keeps {}", to,
                    joined(kept, ", "), ms(limit), kept.size() == 1 ? "it" : "them");
    if (!moved.empty()) why += fmt::format("; {} of its groups went", moved.size());
    spdlog::error("{}", why);
    co_return std::unexpected(Refusal{Refusal::Kind::kFailed, std::move(why)});
  }
  // By its own word, too: an advert might have come from somebody else.
  std::function<bool()> is_claimed = [&] {
    const auto mirroring = node_.mirroring();
    return mirroring && std::ranges::all_of(groups, [&](const std::string& name) {
             return std::ranges::find(mirroring->peer.claims, name) != mirroring->peer.claims.end();
           });
  };
  const bool claimed = co_await wait_until(std::move(is_claimed), kClaimLimit);
  if (!claimed) {
    std::string why = fmt::format(
        "an advert of a preferred node was heard and this node gave {} up, but {} does not say "
        "that it has it: look at 'carpool status' there",
        joined(groups, ", "), to);
    spdlog::error("{}", why);
    co_return std::unexpected(Refusal{Refusal::Kind::kFailed, std::move(why)});
  }
  co_return moved;
}

// Whether the peer is there, could take all of them, and knows what it has to know.
Operations::Awaitable<std::optional<Refusal>> Operations::prepare(const Names& groups,
                                                                  std::string who) {
  std::optional<Refusal> refusal;
  if (auto why = why_no_peer(node_.mirroring(), node_.why_no_mirroring())) {
    refusal = Refusal{Refusal::Kind::kRefused, std::move(*why)};
    co_return refusal;
  }
  const std::string peer = peer_name();
  for (const std::string& name : groups) {
    const GroupReport* group = find(name);
    if (group == nullptr) continue;
    if (auto why = why_not_give(*group)) {
      refusal = Refusal{Refusal::Kind::kRefused, std::move(*why)};
      co_return refusal;
    }
    mirror::RequestItem request;
    request.kind = mirror::RequestKind::may_take;
    request.group = name;
    request.demotion = own_demotion(group->demotion());
    request.who = who;
    auto answer = co_await ask(std::move(request), kAnswerLimit);
    if (answer && answer->granted) continue;
    refusal =
        Refusal{Refusal::Kind::kRefused,
                answer ? fmt::format("{} cannot take over: {}", peer, answer->text)
                       : fmt::format("{} does not answer; it may run an older carpoold", peer)};
    co_return refusal;
  }
  std::function<bool()> is_told = [this] {
    const auto mirroring = node_.mirroring();
    return mirroring && mirroring->lag < kToldLag;
  };
  const bool told = co_await wait_until(std::move(is_told), kToldLimit);
  if (!told) {
    refusal = Refusal{Refusal::Kind::kRefused,
                      fmt::format("{} has not heard of all connections: the peer link does not "
                                  "keep up",
                                  peer)};
  }
  co_return refusal;
}

// Typed where the group is not: the other node does it.
Operations::Pending<std::vector<GroupMove>> Operations::fetch(std::string group, std::string who) {
  if (auto why = why_no_peer(node_.mirroring(), node_.why_no_mirroring())) {
    co_return refuse("this node is not MASTER, and cannot ask who is: " + *why);
  }
  const std::string peer = peer_name();
  mirror::RequestItem request;
  request.kind = mirror::RequestKind::hand_over;
  request.group = std::move(group);
  request.who = fmt::format("{} on {}", who, node_.config().node.name);
  auto answer = co_await ask(std::move(request), kRemoteLimit);
  if (!answer) {
    co_return std::unexpected(Refusal{
        Refusal::Kind::kFailed,
        fmt::format("{} did not answer within {:.0f} s: look at 'carpool status' on both nodes",
                    peer, std::chrono::duration<double>(kRemoteLimit).count())});
  }
  if (!answer->granted) {
    co_return refuse(
        fmt::format("this node is not MASTER, and {} does not hand over: {}", peer, answer->text));
  }
  std::vector<GroupMove> moved;
  for (const mirror::AnswerItem::Move& each : answer->moves) {
    moved.push_back(
        {each.group, peer, node_.config().node.name, std::chrono::microseconds(each.took_us)});
  }
  co_return moved;
}

// The group is with the peer now. Where this node would take it back by itself, it ranks behind.
void Operations::settle_moved(const std::string& group, const std::string& who) {
  const GroupReport* report = find(group);
  const unsigned demotion = report == nullptr ? 0 : rank_behind_peer(*report);
  if (demotion == 0) return;
  state_[group].moved = Moved{who, timestamp(), peer_name(), demotion};
}

void Operations::observe() {
  if (giving_) return;
  bool changed = false;
  for (auto& [name, wishes] : state_) {
    const GroupReport* group = wishes.moved ? find(name) : nullptr;
    if (group == nullptr || group->state() != RouterState::kMaster) continue;
    spdlog::info("group {} is here again: its switchover to {} is over", name, wishes.moved->to);
    wishes.moved.reset();
    changed = true;
  }
  if (!changed) return;
  std::erase_if(state_, [](const auto& each) { return each.second.empty(); });
  save();
  node_.wishes_changed();
}

std::vector<Demotion::Source> Operations::demotions(std::string_view group) const {
  const auto wishes = state_.find(group);
  return wishes == state_.end() ? std::vector<Demotion::Source>{} : demotions_of(wishes->second);
}

// ---- With the peer ------------------------------------------------------------------------------

Operations::Awaitable<std::optional<mirror::AnswerItem>> Operations::ask(
    mirror::RequestItem request, Duration limit) {
  const std::uint32_t id = ++last_request_;
  request.id = id;
  answers_[id].reset();
  node_.ask_peer(request);
  std::function<bool()> has_come = [this, id] { return answers_[id].has_value(); };
  const bool came = co_await wait_until(std::move(has_come), limit);
  if (!came) spdlog::warn("the peer does not answer a request");
  auto answer = std::move(answers_[id]);
  answers_.erase(id);
  co_return answer;
}

void Operations::answered(const mirror::AnswerItem& answer) {
  const auto waiting = answers_.find(answer.id);
  if (waiting != answers_.end()) waiting->second = answer;  // others come too late
}

void Operations::asked(const mirror::RequestItem& request) {
  if (request.kind == mirror::RequestKind::may_take) {
    return node_.answer_peer(judge_request(request));
  }
  asio::co_spawn(io_, serve(request), asio::detached);
}

mirror::AnswerItem Operations::judge_request(const mirror::RequestItem& request) {
  mirror::AnswerItem answer;
  answer.id = request.id;
  const GroupReport* group = find(request.group);
  if (group == nullptr) {
    answer.text = fmt::format("it has no group {}", request.group);
    return answer;
  }
  const auto wishes = state_.find(request.group);
  auto why = why_not_take(*group, wishes == state_.end() ? OperatorWishes{} : wishes->second,
                          node_.out_of_sync(), request.demotion);
  answer.granted = !why;
  answer.text = std::move(why).value_or("");
  return answer;
}

Operations::Awaitable<void> Operations::serve(mirror::RequestItem request) {
  mirror::AnswerItem answer;
  answer.id = request.id;
  auto turn = begin();
  auto names = groups_named(node_.config(), request.group);
  if (!turn || !names) {
    answer.text = turn ? names.error().why : std::string(kBusy);
    node_.answer_peer(answer);
    co_return;
  }
  const Names held = holdings(*names, node_.groups()).held;
  if (held.empty()) {
    answer.text = "it is not MASTER either";
    node_.answer_peer(answer);
    co_return;
  }
  spdlog::warn("{} asks for {}", request.who, joined(held, ", "));
  auto moved = co_await give(held, request.who);
  answer.granted = moved.has_value();
  if (moved) {
    for (const GroupMove& each : *moved) {
      const auto us = std::chrono::duration_cast<std::chrono::microseconds>(each.took).count();
      answer.moves.push_back({each.group, static_cast<std::uint32_t>(us)});
    }
  } else {
    answer.text = moved.error().why;
  }
  node_.answer_peer(answer);
}

// ---- Small things -------------------------------------------------------------------------------

Operations::Awaitable<bool> Operations::wait_until(std::function<bool()> holds, Duration limit) {
  const Instant deadline = monotonic_now() + limit;
  while (!holds()) {
    if (monotonic_now() >= deadline) co_return false;
    co_await pause(kPoll);
  }
  co_return true;
}

Operations::Awaitable<void> Operations::pause(Duration duration) {
  asio::steady_timer timer(io_, duration);
  boost::system::error_code ignored;
  co_await timer.async_wait(redirect_error(asio::use_awaitable, ignored));
}

const GroupReport* Operations::find(std::string_view group) const {
  const auto groups = node_.groups();
  const auto found = std::ranges::find_if(
      groups, [group](const GroupReport& report) { return report.settings.name == group; });
  return found == groups.end() ? nullptr : &*found;
}

std::string Operations::peer_name() const {
  const auto mirroring = node_.mirroring();
  return mirroring && !mirroring->peer.node.empty() ? mirroring->peer.node : "the peer";
}

std::shared_ptr<int> Operations::begin() {
  if (!under_way_.expired()) return nullptr;
  auto turn = std::make_shared<int>();
  under_way_ = turn;
  return turn;
}

void Operations::recall() {
  const auto text = read_text(file_);
  if (!text) return;  // nobody asked for anything
  auto known = read_operator_state(*text);
  if (!known) {
    return spdlog::error("{} is not used, {}: no group is in maintenance", file_.string(),
                         known.error().message);
  }
  state_ = std::move(*known);
  for (const auto& [group, wishes] : state_) {
    for (const Demotion::Source& source : demotions_of(wishes))
      spdlog::warn("group {}: {}", group, source.why);
  }
}

void Operations::save() {
  const auto saved = replace_file(file_, write_operator_state(state_));
  if (!saved) {
    spdlog::error("{}: the next carpoold will not know of maintenance", saved.error().message);
  }
}

}  // namespace carpool
