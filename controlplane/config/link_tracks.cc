#include "controlplane/config/link_tracks.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "controlplane/config/suggest.h"

namespace carpool::config {
namespace {

template <class Items>
std::vector<std::string> names_of(const Items& items) {
  std::vector<std::string> names;
  for (const auto& item : items)
    names.push_back(item.name);
  return names;
}

bool is_checked(const Server& server) {
  return server.check || server.agent.has_value();
}

// False, and why is reported, if there is no such server.
bool find_tracked(const Config& config, TrackServer& track, Report& report) {
  const auto backend = std::ranges::find(config.backends, track.backend, &Backend::name);
  if (backend == config.backends.end()) {
    report.error(track.origin, fmt::format("there is no backend '{}'", track.backend),
                 did_you_mean(track.backend, names_of(config.backends)));
    return false;
  }
  const auto server = std::ranges::find(backend->servers, track.server, &Server::name);
  if (server == backend->servers.end()) {
    report.error(track.origin,
                 fmt::format("backend '{}' has no server '{}'", track.backend, track.server),
                 did_you_mean(track.server, names_of(backend->servers)));
    return false;
  }
  track.backend_index = static_cast<std::size_t>(backend - config.backends.begin());
  track.server_index = static_cast<std::size_t>(server - backend->servers.begin());
  return true;
}

const Server& tracked_by(const Config& config, const TrackServer& track) {
  return config.backends[track.backend_index].servers[track.server_index];
}

// Two pointers, one twice as fast, meet in a circle and nowhere else.
void check_chain(const Config& config, const TrackServer& start, Report& report) {
  const Server* slow = &tracked_by(config, start);
  const Server* end = slow;
  while (end->track) {
    end = &tracked_by(config, *end->track);
    if (end->track) end = &tracked_by(config, *end->track);
    slow = &tracked_by(config, *slow->track);
    if (end->track && slow == end) {
      report.error(start.origin,
                   fmt::format("'track {}/{}' leads into a circle of servers that "
                               "track each other",
                               start.backend, start.server),
                   "a chain ends at a server that has 'check' or 'agent-check'");
      return;
    }
  }
  if (is_checked(*end)) return;
  report.error(start.origin,
               fmt::format("'track {}/{}' ends at server '{}', which has neither 'check' nor "
                           "'agent-check'",
                           start.backend, start.server, end->name),
               "write 'check' there");
}

}  // namespace

void link_tracked_servers(Config& config, Report& report) {
  bool all_found = true;
  std::vector<const TrackServer*> tracks;
  for (Backend& backend : config.backends) {
    for (Server& server : backend.servers) {
      if (!server.track) continue;
      if (server.track->backend.empty()) server.track->backend = backend.name;
      if (is_checked(server)) {
        report.error(
            server.track->origin,
            fmt::format("server '{}' cannot both track another and be checked", server.name),
            "leave out 'check' and 'agent-check', or take them back by 'no-check' and "
            "'no-agent-check'");
      }
      all_found = find_tracked(config, *server.track, report) && all_found;
      tracks.push_back(&*server.track);
    }
  }
  if (!all_found) return;  // chains have holes
  for (const TrackServer* track : tracks)
    check_chain(config, *track, report);
}

}  // namespace carpool::config
