// Imports what a FreeBSD machine says of itself, and an HAProxy file: rc.conf, sysctl.conf and
// haproxy.conf behind each other, with a NUL byte between them. What is made is read again.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/load.h"
#include "tools/carpool/freebsd.h"
#include "tools/carpool/import.h"

namespace {

using carpool::config::Diagnostic;
using carpool::config::SourceFile;

std::vector<Diagnostic> check(const std::vector<SourceFile>& files, const std::string& node) {
  carpool::config::LoadOptions options;
  options.node_name = node;
  auto loaded = carpool::config::load(files, options);
  return loaded ? loaded->warnings : loaded.error();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::array<std::string_view, 4> parts;
  for (std::string_view& part : parts) {
    part = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
  }
  for (const carpool::tool::CarpGroup& group : carpool::tool::read_rc_conf(parts[0]).groups) {
    if (group.vhid == 0 || group.vhid > 255 || group.addresses.empty()) std::abort();
  }
  const carpool::tool::ImportInput input{
      .haproxy = {"haproxy.conf", std::string(parts[3])},
      .rc_conf = {"rc.conf", std::string(parts[0])},
      .rc_conf_peer = SourceFile{"rc.conf.peer", std::string(parts[1])},
      .sysctl = SourceFile{"sysctl.conf", std::string(parts[2])}};
  const auto imported = carpool::tool::import_pair(input, check);
  if (imported && imported->files.size() != 3) std::abort();
  return 0;
}
