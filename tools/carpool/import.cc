#include "tools/carpool/import.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "tools/carpool/freebsd.h"

namespace carpool::tool {
namespace {

constexpr const char* kNodes = "10-nodes.cfg";
constexpr const char* kGroups = "20-redundancy.cfg";
constexpr const char* kProxies = "30-haproxy.cfg";

// Lines that are refused are taken out one after the other; each try may show others.
constexpr unsigned kTries = 20;

constexpr std::string_view kBlanks = " \t\r";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    lines.emplace_back(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return lines;
}

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    text += line + "\n";
  return text;
}

std::string indented(std::string_view comment) {
  std::string text;
  for (const std::string& line : lines_of(comment))
    text += "    " + line + "\n";
  return text;
}

struct Host {
  const config::SourceFile& file;
  FreeBsdHost said;
};

class Importer {
 public:
  Importer(const ImportInput& input, const Checker& check) : input_(input), check_(check) {}

  Result<Imported> run() {
    read_host(input_.rc_conf);
    if (input_.rc_conf_peer) read_host(*input_.rc_conf_peer);
    if (hosts_.front().said.groups.empty()) {
      return fail(input_.rc_conf.path + ": there is no CARP in it: no vhid with an address");
    }
    for (Host& host : hosts_) {
      if (host.said.name.empty()) return fail(host.file.path + ": there is no hostname in it");
    }
    if (hosts_.size() == 2 && hosts_[0].said.name == hosts_[1].said.name) {
      return fail(fmt::format("both machines have the host name '{}'", hosts_[0].said.name));
    }
    name_groups();
    read_sysctls();
    const std::string nodes = node_sections();
    std::string groups = group_sections();
    std::vector<std::string> proxies = lines_of(input_.haproxy.text);
    rewrite_binds(proxies);
    proxies.insert(proxies.begin(),
                   fmt::format("# From {}, by 'carpool import'.", input_.haproxy.path));
    take_out_refused(nodes, groups, proxies);
    imported_.report.open.emplace_back(
        "no address that moves with a group is known to be one that servers see: where servers are "
        "on another network than the virtual addresses, write 'floating ADDRESS/LENGTH port NAME' "
        "into the redundancy section");
    return std::move(imported_);
  }

 private:
  ImportReport& report() { return imported_.report; }

  void read_host(const config::SourceFile& file) {
    Host host{file, read_rc_conf(file.text)};
    for (const Remark& remark : host.said.remarks)
      report().open.push_back(fmt::format("{}:{}: {}", file.path, remark.line, remark.text));
    hosts_.push_back(std::move(host));
    if (imported_.node.empty()) imported_.node = hosts_.back().said.name;
  }

  void read_sysctls() {
    if (!input_.sysctl) return;
    const CarpSysctls said = read_sysctl_conf(input_.sysctl->text);
    for (const Remark& remark : said.remarks)
      report().open.push_back(
          fmt::format("{}:{}: {}", input_.sysctl->path, remark.line, remark.text));
    preempt_ = said.preempt;
    if (preempt_) report().taken.emplace_back("net.inet.carp.preempt=1: every group has 'preempt'");
  }

  // "carp53", or "carp53-em1" where a number is used on several interfaces.
  void name_groups() {
    std::map<unsigned, unsigned> uses;
    for (const CarpGroup& group : hosts_.front().said.groups)
      ++uses[group.vhid];
    for (const CarpGroup& group : hosts_.front().said.groups) {
      names_.push_back(uses[group.vhid] > 1 ? fmt::format("carp{}-{}", group.vhid, group.interface)
                                            : fmt::format("carp{}", group.vhid));
    }
  }

  const CarpGroup* peer_group(std::size_t index) const {
    const CarpGroup& own = hosts_.front().said.groups[index];
    if (hosts_.size() < 2) return nullptr;
    const auto& groups = hosts_[1].said.groups;
    // By its addresses where a vhid is there twice: the peer's interfaces may be called
    // differently.
    const auto fits = [&own](const CarpGroup& other, bool addresses) {
      return other.vhid == own.vhid &&
             (!addresses || other.addresses.front().address == own.addresses.front().address);
    };
    for (const bool addresses : {true, false}) {
      for (const CarpGroup& other : groups) {
        if (fits(other, addresses)) return &other;
      }
    }
    return nullptr;
  }

  std::set<std::string> interfaces_of(const Host& host) const {
    std::set<std::string> names;
    for (const InterfaceAddress& own : host.said.own) {
      if (!own.interface.starts_with("lo")) names.insert(own.interface);
    }
    for (const CarpGroup& group : host.said.groups) {
      if (!group.interface.empty()) names.insert(group.interface);
    }
    return names;
  }

  std::string node_sections() {
    std::string text =
        "# Made by 'carpool import'. The devices below are FreeBSD's names: write Linux's.\n";
    for (std::size_t at = 0; at < hosts_.size(); ++at) {
      const Host& host = hosts_[at];
      text += fmt::format("\nnode {}\n", host.said.name);
      for (const std::string& name : interfaces_of(host)) {
        text += fmt::format("    port {} xdp {}\n", name, name);
        report().open.push_back(fmt::format(
            "{}: what FreeBSD calls {} has another name on Linux: write it into {}, last word of "
            "'port {}'",
            host.said.name, name, kNodes, name));
      }
      for (std::size_t index = 0; index < names_.size(); ++index) {
        const CarpGroup* group = at == 0 ? &hosts_[0].said.groups[index] : peer_group(index);
        if (group == nullptr) {
          report().open.push_back(
              fmt::format("{} has no vhid {}", host.file.path, hosts_[0].said.groups[index].vhid));
          continue;
        }
        text += fmt::format("    redundancy {} advskew {}{}\n", names_[index], group->advskew,
                            group->advbase == 1 ? "" : fmt::format(" advbase {}", group->advbase));
        compare(index, *group, host);
      }
      report().taken.push_back(fmt::format("{}: node {}", host.file.path, host.said.name));
    }
    if (hosts_.size() < 2) {
      report().open.emplace_back(
          "only one machine's rc.conf was given: write the other's node section");
    } else {
      for (const CarpGroup& group : hosts_[1].said.groups) {
        const auto& first = hosts_[0].said.groups;
        if (std::ranges::find(first, group.vhid, &CarpGroup::vhid) != first.end()) continue;
        report().open.push_back(fmt::format("{}:{}: vhid {} is not on {}, and is not taken",
                                            hosts_[1].file.path, group.line, group.vhid,
                                            hosts_[0].said.name));
      }
    }
    add({kNodes, text});
    return text;
  }

  // What both machines of a group have to agree upon.
  void compare(std::size_t index, const CarpGroup& other, const Host& host) {
    const CarpGroup& own = hosts_.front().said.groups[index];
    if (&own == &other) return;
    const auto differs = [&](std::string_view what) {
      report().open.push_back(
          fmt::format("{}:{}: vhid {}: {} differs from that of {}, whose is taken", host.file.path,
                      other.line, own.vhid, what, hosts_.front().said.name));
    };
    if (own.password != other.password) differs("the password");
    const auto addresses = [](const CarpGroup& group) {
      std::set<std::string> all;
      for (const Ipv4Prefix& prefix : group.addresses)
        all.insert(to_string(prefix.address));
      return all;
    };
    if (addresses(own) != addresses(other)) differs("the set of addresses");
    if (own.interface != other.interface) {
      report().open.push_back(fmt::format(
          "vhid {} is on {} of {} and on {} of {}: a port has the same name on both nodes",
          own.vhid, own.interface, hosts_[0].said.name, other.interface, host.said.name));
    }
  }

  // A /32 alias answers for an address of the interface's network: that one's length is meant.
  std::uint8_t length_of(const Ipv4Prefix& prefix, const CarpGroup& group) {
    if (prefix.length < 32) return prefix.length;
    const auto find = [&](const auto& candidates,
                          const auto& project) -> std::optional<std::uint8_t> {
      for (const auto& each : candidates) {
        const Ipv4Prefix& network = project(each);
        if (network.length < 32 && network.contains(prefix.address)) return network.length;
      }
      return std::nullopt;
    };
    const auto own =
        find(hosts_.front().said.own,
             [](const InterfaceAddress& each) -> const Ipv4Prefix& { return each.prefix; });
    const auto length =
        own ? own : find(group.addresses, [](const Ipv4Prefix& each) -> const Ipv4Prefix& {
          return each;
        });
    if (!length) return 32;
    report().changed.push_back(
        fmt::format("{} of vhid {}: /32 became /{}, the length of its network",
                    to_string(prefix.address), group.vhid, *length));
    return *length;
  }

  std::string group_sections() {
    std::string text = "# Made by 'carpool import'.\n";
    for (std::size_t index = 0; index < names_.size(); ++index) {
      const CarpGroup& group = hosts_.front().said.groups[index];
      text += fmt::format("\nredundancy {}\n{}    protocol carp\n    vhid {}\n", names_[index],
                          indented(group.comment), group.vhid);
      if (!group.interface.empty()) text += fmt::format("    port {}\n", group.interface);
      if (!group.password.empty()) text += fmt::format("    pass {}\n", quoted(group.password));
      for (const Ipv4Prefix& prefix : group.addresses) {
        text +=
            fmt::format("    address {}/{}\n", to_string(prefix.address), length_of(prefix, group));
        addresses_.push_back(to_string(prefix.address));
      }
      if (preempt_) text += "    preempt\n";
      report().taken.push_back(fmt::format("vhid {} on {}: redundancy {} with {} addresses",
                                           group.vhid, group.interface, names_[index],
                                           group.addresses.size()));
    }
    add({kGroups, text});
    return text;
  }

  static std::string quoted(const std::string& word) {
    const bool plain = std::ranges::all_of(word, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_' || c == '.';
    });
    if (plain) return word;
    std::string text = "'";
    for (const char c : word)
      text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
  }

  // ---- the HAProxy file

  struct Words {
    std::string indent;
    std::vector<std::string> words;
    std::string rest;  // the comment
  };
  static Words split(const std::string& line) {
    Words split;
    split.indent = line.substr(0, std::min(line.find_first_not_of(kBlanks), line.size()));
    std::string_view text = line;
    const std::size_t comment = line.find('#');
    if (comment != line.npos) {
      split.rest = " " + line.substr(comment);
      text = text.substr(0, comment);
    }
    for (std::size_t at = text.find_first_not_of(kBlanks); at != text.npos;) {
      const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
      split.words.emplace_back(text.substr(at, end - at));
      at = text.find_first_not_of(kBlanks, end);
    }
    return split;
  }
  static std::string join(const Words& parts, std::size_t from) {
    std::string text;
    for (std::size_t at = from; at < parts.words.size(); ++at)
      text += " " + parts.words[at];
    return text + parts.rest;
  }

  // HAProxy's sockets listen on any address of the machine, and its old grammar has the address
  // beside the name; carpool answers for addresses of groups.
  void rewrite_binds(std::vector<std::string>& lines) {
    std::vector<std::string> written;
    bool statistics = false;
    for (std::size_t at = 0; at < lines.size(); ++at) {
      const Words parts = split(lines[at]);
      const std::string keyword = parts.words.empty() ? "" : parts.words[0];
      const bool opens = keyword == "listen" || keyword == "frontend";
      if (opens) statistics = is_statistics(lines, at);
      if (opens && parts.words.size() == 3 && parts.words[2].find(':') != std::string::npos) {
        written.push_back(
            fmt::format("{}{} {}{}", parts.indent, keyword, parts.words[1], parts.rest));
        add_bind(written, "    ", parts.words[2], "", statistics, at);
        report().changed.push_back(fmt::format("{}:{}: the address of '{} {}' became a 'bind' line",
                                               input_.haproxy.path, at + 1, keyword,
                                               parts.words[1]));
      } else if (keyword == "bind" && parts.words.size() >= 2) {
        add_bind(written, parts.indent, parts.words[1], join(parts, 2), statistics, at);
      } else {
        written.push_back(lines[at]);
      }
    }
    lines = std::move(written);
  }

  // Whether the section that begins here is a statistics page: then it keeps its address.
  static bool is_statistics(const std::vector<std::string>& lines, std::size_t start) {
    constexpr std::array<std::string_view, 6> kSections = {"global",   "defaults", "listen",
                                                           "frontend", "backend",  "userlist"};
    bool enabled = false;
    for (std::size_t at = start + 1; at < lines.size(); ++at) {
      const Words parts = split(lines[at]);
      if (parts.words.empty()) continue;
      if (std::ranges::find(kSections, parts.words[0]) != kSections.end()) break;
      if (parts.words[0] == "server" || parts.words[0] == "default_backend") return false;
      enabled = enabled || parts.words[0] == "stats";
    }
    return enabled;
  }

  void add_bind(std::vector<std::string>& written, const std::string& indent,
                const std::string& where, const std::string& rest, bool statistics,
                std::size_t line) {
    const std::size_t colon = where.find(':');
    const std::string host = where.substr(0, std::min(colon, where.size()));
    const bool any = host.empty() || host == "*" || host == "0.0.0.0";
    if (!any || statistics || colon == where.npos || where.find(',') != where.npos) {
      written.push_back(fmt::format("{}bind {}{}", indent, where, rest));
      return;
    }
    for (const std::string& address : addresses_)
      written.push_back(fmt::format("{}bind {}{}{}", indent, address, where.substr(colon), rest));
    report().changed.push_back(
        fmt::format("{}:{}: 'bind {}' became one line for each of {} virtual addresses",
                    input_.haproxy.path, line + 1, where, addresses_.size()));
  }

  // A line that carpool refuses stays as a comment beside the reason, and in the report.
  void take_out_refused(const std::string& nodes, const std::string& groups,
                        std::vector<std::string>& lines) {
    const std::size_t before = lines.size();
    std::size_t refused = 0;
    std::vector<config::Diagnostic> left;
    for (unsigned attempt = 0; attempt < kTries; ++attempt) {
      left = check_({{kNodes, nodes}, {kGroups, groups}, {kProxies, join_lines(lines)}},
                    imported_.node);
      std::map<std::uint32_t, const config::Diagnostic*> bad;
      for (const config::Diagnostic& each : left) {
        const bool here = each.severity == config::Severity::Error && each.file == kProxies &&
                          each.line > 0 && each.line <= lines.size();
        if (here && is_refusal(lines[each.line - 1])) bad.emplace(each.line, &each);
      }
      if (bad.empty()) break;
      for (const auto& [line, why] : bad) {
        std::string& text = lines[line - 1];
        report().open.push_back(
            fmt::format("{}: '{}' is taken out: {}{}", kProxies,
                        text.substr(std::min(text.find_first_not_of(kBlanks), text.size())),
                        why->message, why->hint.empty() ? "" : "; " + why->hint));
        text = "    # carpool import: " + why->message + ":\n    # " + text;
        // Two lines now, as numbers of lines go.
        ++refused;
      }
      lines = lines_of(join_lines(lines));
    }
    for (const config::Diagnostic& each : left) {
      if (each.severity == config::Severity::Error) {
        report().open.push_back(config::format_diagnostic(each));
      }
    }
    report().taken.push_back(fmt::format("{}: {} lines, comments included, {} of them taken out",
                                         input_.haproxy.path, before, refused));
    add({kProxies, join_lines(lines)});
  }

  // Without its first line a section is another one: that one has to be decided by a person.
  static bool is_refusal(const std::string& line) {
    const Words parts = split(line);
    constexpr std::array<std::string_view, 4> kKept = {"listen", "frontend", "backend", "defaults"};
    return !parts.words.empty() && std::ranges::find(kKept, parts.words[0]) == kKept.end();
  }

  void add(config::SourceFile file) { imported_.files.push_back(std::move(file)); }

  const ImportInput& input_;
  const Checker& check_;
  std::vector<Host> hosts_;
  std::vector<std::string> names_;      // of the first host's groups
  std::vector<std::string> addresses_;  // of all groups
  bool preempt_ = false;
  Imported imported_;
};

}  // namespace

std::string report_text(const ImportReport& report) {
  std::string text;
  const auto part = [&text](std::string_view title, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    text += fmt::format("{}:\n", title);
    for (const std::string& line : lines)
      text += "  - " + line + "\n";
  };
  part("taken", report.taken);
  part("changed", report.changed);
  part("not taken, or to be decided", report.open);
  return text;
}

Result<Imported> import_pair(const ImportInput& input, const Checker& check) {
  return Importer(input, check).run();
}

}  // namespace carpool::tool
