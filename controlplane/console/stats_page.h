// HAProxy's statistics page: what a request for it is answered with. Monitoring reads its ';csv',
// people its table, and where the configuration says so they may act on servers. Pure but for what
// is done by Operations.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/console/operations.h"

namespace carpool::console {

struct PageRequest {
  std::string_view method;
  std::string_view target;
  std::string_view authorization;
  std::string_view host;
  std::string_view origin;  // of the page that a form was on; empty: not said
  std::string_view body;
};

struct PageReply {
  unsigned status = 200;
  std::string content_type = "text/html; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

[[nodiscard]] PageReply answer_page(Operations& operations, const config::StatsPage& page,
                                    const PageRequest& request);

// Text made fit to stand in HTML, attributes included.
[[nodiscard]] std::string html_text(std::string_view text);

}  // namespace carpool::console
