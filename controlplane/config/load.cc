#include "controlplane/config/load.h"

#include "controlplane/config/checks.h"
#include "controlplane/config/link.h"
#include "controlplane/config/parser.h"

namespace carpool::config {

std::expected<Config, std::vector<Diagnostic>> load(const std::vector<SourceFile>& files,
                                                    const LoadOptions& options) {
  Report report(files);
  Parser parser(options, report);
  for (std::size_t i = 0; i < files.size(); ++i) {
    parser.parse_file(files[i], static_cast<std::uint32_t>(i));
  }
  report.enter_section({});
  Config config = link(parser.take(), options, report);
  check(config, report);
  select_node(config, options.node_name, report);
  if (report.failed()) return std::unexpected(report.take());
  for (const SourceFile& file : files)
    config.files.push_back(file.path);
  config.warnings = report.take();
  return config;
}

}  // namespace carpool::config
