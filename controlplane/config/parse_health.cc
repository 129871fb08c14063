// How servers are checked: each family of checks has a file of its own, and stands here.
#include <vector>

#include "controlplane/config/sections.h"

namespace carpool::config {

std::span<const Handler<ProxyDraft>> health_handlers() {
  static const auto kAll = [] {
    std::vector<Handler<ProxyDraft>> all;
    for (const auto family :
         {external_check_handlers(), http_check_handlers(), mysql_check_handlers(),
          protocol_check_handlers(), tcp_check_handlers()})
      all.insert(all.end(), family.begin(), family.end());
    return all;
  }();
  return kAll;
}

}  // namespace carpool::config
