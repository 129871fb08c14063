// The statistics page as a table for people, with HAProxy's columns and colours. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/console/info_fields.h"
#include "controlplane/console/stat_fields.h"

namespace carpool::console {

struct HtmlPage {
  std::string_view uri;
  bool admin = false;          // with check boxes and actions
  std::string_view outcome{};  // of the last action: "DONE", "NONE", ...
  InfoSources info;
};

// The value that a form sends, and what people read.
struct PageAction {
  std::string_view value;
  std::string_view text;
};
[[nodiscard]] const std::vector<PageAction>& page_actions();

[[nodiscard]] std::string stats_html(const HtmlPage& page, const std::vector<StatLine>& lines);

}  // namespace carpool::console
