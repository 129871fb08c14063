#include "controlplane/appliance/mirroring.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace carpool {
namespace {

using mirror::BulkState;
using mirror::SessionState;

std::vector<mirror::RingPair> rings_of(const abi::Region& region) {
  std::vector<mirror::RingPair> rings;
  for (std::uint32_t worker = 0; worker < region.workers(); ++worker)
    rings.push_back({region.mirror_out(worker), region.mirror_in(worker)});
  return rings;
}

bool is_bad_news(const mirror::SessionEvent& event) {
  return !std::holds_alternative<mirror::PeerUp>(event) &&
         !std::holds_alternative<mirror::BulkBegan>(event) &&
         !std::holds_alternative<mirror::BulkEnded>(event);
}

}  // namespace

Mirroring::Mirroring(boost::asio::io_context& io, Workers workers, Operators operators)
    : io_(io), workers_(std::move(workers)), operators_(std::move(operators)) {}

Mirroring::~Mirroring() {
  stop();
}

void Mirroring::configure(const config::Config& config, const std::string& digest) {
  config_ = &config;
  status_.node = config.node.name;
  status_.digest = digest;
  auto wanted = mirror::runner_settings(config);
  const bool keeps = runner_ && wanted && settings_ && settings_->same_place(*wanted);
  settings_ = std::move(wanted);
  if (keeps) {
    runner_->set_keys(settings_->keys);
    runner_->set_status(status_);
    return;
  }
  stop();
  if (settings_) {
    start();
  } else {
    why_off_ = "not configured";
  }
}

void Mirroring::start() {
  lifetime_ = std::make_shared<int>();
  const std::weak_ptr<int> lifetime = lifetime_;
  auto started = mirror::Runner::start(*settings_, [this, lifetime](const auto& event) {
    boost::asio::post(io_, [this, lifetime, event] {
      if (!lifetime.expired()) hear(event);
    });
  });
  if (!started) {
    why_off_ = started.error().message;
    spdlog::error("connections are not mirrored: {}", why_off_);
    return;
  }
  runner_ = std::move(*started);
  why_off_.clear();
  runner_->set_status(status_);
  runner_->set_names(names_);
  std::vector<mirror::ServerView> views;
  for (const auto& [name, view] : views_)
    views.push_back(view);
  runner_->change_views(std::move(views));
  if (region_ != nullptr) runner_->attach(rings_of(*region_));
}

void Mirroring::stop() {
  if (!runner_) return;
  lifetime_.reset();
  runner_.reset();
  workers_.set_mirror(false);
}

void Mirroring::attach(const abi::Region& region, bool adopted, Instant now) {
  region_ = &region;
  attached_ = now;
  ends_lost_ = 0;
  settled_ = adopted || !runner_;
  if (runner_) runner_->attach(rings_of(region));
}

void Mirroring::detach() {
  region_ = nullptr;
  if (runner_) runner_->detach();
}

void Mirroring::image_changes(abi::ImageView image) {
  auto names = mirror::names_of(image);
  if (names == names_) return;
  names_ = std::move(names);
  if (runner_) runner_->set_names(names_);
}

void Mirroring::tell(std::vector<std::string> claims, std::uint64_t ends_lost) {
  if (!runner_) return;
  if (status_.claims != claims) {
    status_.claims = std::move(claims);
    runner_->set_status(status_);
  }
  if (ends_lost > ends_lost_) runner_->add_gap(ends_lost - ends_lost_);
  ends_lost_ = ends_lost;
}

void Mirroring::tell_views(std::vector<mirror::ServerView> changed) {
  if (changed.empty()) return;
  for (const mirror::ServerView& view : changed) {
    if (view.state == mirror::ServerViewState::gone) {
      views_.erase(view.name);
    } else {
      views_[view.name] = view;
    }
  }
  if (runner_) runner_->change_views(std::move(changed));
}

void Mirroring::hear(const mirror::SessionEvent& event) {
  if (std::holds_alternative<mirror::PeerUp>(event)) workers_.set_mirror(true);
  if (std::holds_alternative<mirror::PeerDown>(event)) workers_.set_mirror(false);
  if (const auto* request = std::get_if<mirror::PeerAsked>(&event)) {
    return operators_.asked(*request);
  }
  if (const auto* answer = std::get_if<mirror::PeerAnswered>(&event)) {
    return operators_.answered(*answer);
  }
  if (const auto* walk = std::get_if<mirror::WalkWanted>(&event)) {
    workers_.walk(walk->serial);
    return;  // of no interest to an operator
  }
  spdlog::log(is_bad_news(event) ? spdlog::level::warn : spdlog::level::info, "mirror: {}",
              mirror::describe(event));
}

void Mirroring::ask(mirror::RequestItem request) {
  if (runner_) runner_->ask(std::move(request));
}

void Mirroring::answer(mirror::AnswerItem answer) {
  if (runner_) runner_->answer(std::move(answer));
}

std::optional<std::string> Mirroring::why_not_in_sync(Instant now) {
  if (!runner_ || region_ == nullptr) return std::nullopt;
  const mirror::Snapshot now_is = runner_->snapshot();
  if (now_is.inbound == BulkState::running) {
    // Of a bulk that began before this data plane did, the records are not here.
    return fmt::format("{} has not yet told all of its connections, {} so far", now_is.peer.node,
                       now_is.inbound_records);
  }
  if (settled_) return std::nullopt;
  const bool is_told = now_is.inbound != BulkState::none && now_is.inbound_began >= attached_;
  const bool is_alone = now_is.state != SessionState::up && now - attached_ >= kPeerWait;
  settled_ = is_told || is_alone;
  if (settled_) return std::nullopt;
  return now_is.state == SessionState::up
             ? fmt::format("{} is about to tell its connections", now_is.peer.node)
             : "the peer has not been heard yet";
}

std::optional<mirror::Snapshot> Mirroring::snapshot() const {
  if (!runner_) return std::nullopt;
  return runner_->snapshot();
}

}  // namespace carpool
