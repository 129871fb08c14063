#include "tools/carpool/freebsd.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace carpool::tool {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trim(std::string_view text) {
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == text.npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = text.find_first_not_of(kBlanks); at != text.npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = text.find_first_not_of(kBlanks, end);
  }
  return words;
}

std::optional<unsigned> read_number(std::string_view text, int base = 10) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// The value of an assignment, from behind '=' to where a comment or the line ends.
struct Value {
  std::string text;
  std::string comment;
  std::size_t end = 0;  // where the next line begins
  bool good = true;
};

Value read_value(std::string_view text, std::size_t at) {
  Value value;
  char quote = '\0';
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\' && quote != '\'' && at + 1 < text.size()) {
      ++at;
      if (text[at] != '\n') value.text += text[at];
    } else if (quote != '\0') {
      c == quote ? static_cast<void>(quote = '\0') : value.text.push_back(c);
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '\n') {
      break;
    } else if (kBlanks.find(c) != kBlanks.npos || c == ';') {
      const std::size_t line_end = std::min(text.find('\n', at), text.size());
      const std::string_view rest = trim(text.substr(at + 1, line_end - at - 1));
      value.good = rest.empty() || rest.starts_with('#');
      if (rest.starts_with('#')) value.comment = rest;
      at = line_end;
      break;
    } else {
      value.text.push_back(c);
    }
  }
  if (quote != '\0') value.good = false;
  value.end = std::min(at + 1, text.size());
  return value;
}

// One address with what is said about it.
struct AddressWords {
  std::optional<Ipv4Prefix> prefix;
  std::optional<unsigned> vhid, advskew, advbase;
  std::optional<std::string> password;
  std::string device;  // carpdev
};

class Reader {
 public:
  FreeBsdHost read(std::string_view text) {
    Assignments read = read_assignments(text);
    host_.remarks = std::move(read.not_understood);
    // sh takes the last of a name.
    std::map<std::string_view, const Assignment*> last;
    for (const Assignment& each : read.all)
      last[each.name] = &each;
    for (const Assignment& each : read.all) {
      if (last[each.name] == &each) take(each);
    }
    place_old_groups();
    std::erase_if(host_.groups, [this](const CarpGroup& group) {
      if (group.vhid != 0 && !group.addresses.empty()) return false;
      remark(group.line, "a CARP interface without a vhid and an address");
      return true;
    });
    std::ranges::stable_sort(host_.remarks, {}, &Remark::line);
    return std::move(host_);
  }

 private:
  void remark(unsigned line, std::string text) { host_.remarks.push_back({line, std::move(text)}); }

  void take(const Assignment& each) {
    const std::string_view name = each.name;
    if (name == "hostname") {
      host_.name = each.value.substr(0, each.value.find('.'));
    } else if (name.starts_with("ipv4_addrs_")) {
      for (const std::string& word : split(each.value))
        take_range(name.substr(11), word, each.line);
    } else if (name.starts_with("ifconfig_")) {
      take_ifconfig(name.substr(9), each);
    }
  }

  // "em0", "em0_alias3", "em0_aliases", "em0_ipv6".
  void take_ifconfig(std::string_view name, const Assignment& each) {
    const std::size_t suffix = name.find('_');
    const std::string interface(name.substr(0, suffix));
    const std::string_view kind = suffix == name.npos ? "" : name.substr(suffix + 1);
    if (kind == "ipv6" || kind.starts_with("name") || kind.starts_with("descr")) {
      if (kind == "ipv6") remark(each.line, "IPv6 is not taken: " + each.name);
      return;
    }
    // Several addresses in one value each begin with their family.
    std::vector<std::vector<std::string>> parts(1);
    for (std::string& word : split(each.value)) {
      const bool begins = word == "inet" || word == "inet6";
      if (begins && !parts.back().empty()) parts.emplace_back();
      parts.back().push_back(std::move(word));
    }
    for (const auto& words : parts)
      take_words(interface, words, each);
  }

  void take_words(const std::string& interface, const std::vector<std::string>& words,
                  const Assignment& each) {
    if (words.empty()) return;
    if (words.front() == "inet6") return remark(each.line, "IPv6 is not taken: " + each.name);
    const AddressWords said = read_words(words, each);
    const bool old_style = interface.starts_with("carp");
    if (old_style || said.vhid) return add_to_group(interface, old_style, said, each);
    if (said.prefix) host_.own.push_back({interface, *said.prefix});
  }

  AddressWords read_words(const std::vector<std::string>& words, const Assignment& each) {
    AddressWords said;
    bool has_mask = false;
    for (std::size_t at = 0; at < words.size(); ++at) {
      const std::string& word = words[at];
      const auto next = [&] { return at + 1 < words.size() ? words[++at] : std::string(); };
      const auto number = [&](std::optional<unsigned>& into, unsigned low, unsigned high) {
        const std::string text = next();
        into = read_number(text);
        if (into && *into >= low && *into <= high) return;
        into.reset();
        remark(each.line,
               fmt::format("{} '{}' is not a number from {} to {}", word, text, low, high));
      };
      if (word == "vhid") {
        number(said.vhid, 1, 255);
      } else if (word == "advskew") {
        number(said.advskew, 0, 254);
      } else if (word == "advbase") {
        number(said.advbase, 1, 255);
      } else if (word == "pass") {
        said.password = next();
      } else if (word == "carpdev") {
        said.device = next();
      } else if (word == "netmask") {
        const std::string mask = next();
        const auto length = read_netmask(mask);
        if (!length) remark(each.line, fmt::format("'{}' is not a netmask", mask));
        if (length && said.prefix) said.prefix->length = *length;
        has_mask = has_mask || length;
      } else if (const auto prefix = parse_ipv4_prefix(word)) {
        said.prefix = prefix;
        has_mask = true;
      } else if (const auto address = parse_ipv4(word)) {
        said.prefix = Ipv4Prefix{*address, 32};
      } else if (word == "broadcast" || word == "mtu" || word == "media" || word == "mediaopt" ||
                 word == "state" || word == "description") {
        next();
      } else if (word == "DHCP" || word == "SYNCDHCP" || word == "NOSYNCDHCP") {
        remark(each.line, fmt::format("{}: an address by DHCP is not known here", each.name));
      } else if (word != "inet" && word != "alias" && word != "add" && word != "up" &&
                 word != "create") {
        remark(each.line,
               fmt::format("{}: '{}' has no place in carpool; it is for the system's own "
                           "network settings",
                           each.name, word));
      }
    }
    if (said.prefix && !has_mask) {
      remark(each.line, fmt::format("{}: {} has no netmask, and is taken as /32", each.name,
                                    to_string(said.prefix->address)));
    }
    return said;
  }

  void add_to_group(const std::string& interface, bool old_style, const AddressWords& said,
                    const Assignment& each) {
    CarpGroup& group = old_style ? old_groups_[interface] : find_group(interface, *said.vhid);
    if (group.line == 0) group.line = each.line;
    if (said.vhid) group.vhid = *said.vhid;
    if (!old_style) group.interface = interface;
    if (!said.device.empty()) group.interface = said.device;
    if (said.password) group.password = *said.password;
    if (said.advskew) group.advskew = *said.advskew;
    if (said.advbase) group.advbase = *said.advbase;
    if (said.prefix) group.addresses.push_back(*said.prefix);
    group.comment += each.comment;
  }

  CarpGroup& find_group(const std::string& interface, unsigned vhid) {
    const auto found = std::ranges::find_if(host_.groups, [&](const CarpGroup& group) {
      return group.vhid == vhid && group.interface == interface;
    });
    if (found != host_.groups.end()) return *found;
    CarpGroup& group = host_.groups.emplace_back();
    group.vhid = vhid;
    return group;
  }

  // FreeBSD 9: carp0 works on the interface that has an address of the same network.
  void place_old_groups() {
    for (auto& [name, group] : old_groups_) {
      for (const InterfaceAddress& own : host_.own) {
        const bool same = !group.addresses.empty() && own.prefix.length < 32 &&
                          own.prefix.contains(group.addresses.front().address);
        if (same && group.interface.empty()) group.interface = own.interface;
      }
      if (group.interface.empty() && !group.addresses.empty()) {
        remark(group.line, name + ": no interface has an address of its network");
      }
      host_.groups.push_back(std::move(group));
    }
    std::ranges::stable_sort(host_.groups, {}, &CarpGroup::line);
  }

  // "192.0.2.1/24", "192.0.2.5-7/32".
  void take_range(std::string_view interface, const std::string& word, unsigned line) {
    const std::size_t dash = word.find('-');
    const std::size_t slash = std::min(word.find('/'), word.size());
    const bool range = dash != word.npos && dash < slash;
    const std::string first = word.substr(0, range ? dash : slash) + word.substr(slash);
    const auto prefix = parse_ipv4_prefix(first);
    const auto last = range ? read_number(std::string_view(word).substr(dash + 1, slash - dash - 1))
                            : std::nullopt;
    if (!prefix || (range && (!last || *last > 255))) {
      return remark(line, fmt::format("'{}' is not understood", word));
    }
    const std::uint32_t low = prefix->address.value.host();
    const std::uint32_t high = range ? (low & ~std::uint32_t{255}) + *last : low;
    for (std::uint32_t each = low; each <= high; ++each) {
      host_.own.push_back({std::string(interface), {Ipv4Address{be32(each)}, prefix->length}});
    }
  }

  FreeBsdHost host_;
  std::map<std::string, CarpGroup> old_groups_;  // carp0, carp1, ...
};

}  // namespace

Assignments read_assignments(std::string_view text) {
  Assignments read;
  std::string comment;
  unsigned line = 1;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t line_end = std::min(text.find('\n', at), text.size());
    const std::string_view whole = trim(text.substr(at, line_end - at));
    const std::size_t equals = text.substr(0, line_end).find('=', at);
    std::string_view name =
        equals == text.npos ? std::string_view() : trim(text.substr(at, equals - at));
    const bool more = name.ends_with('+');
    if (more) name.remove_suffix(1);
    if (whole.starts_with('#') && !is_name(name)) {
      comment += std::string(whole) + "\n";
    } else if (!is_name(name)) {
      if (!whole.empty())
        read.not_understood.push_back({line, "not an assignment: " + std::string(whole)});
      comment.clear();
    } else {
      const Value value = read_value(text, equals + 1);
      if (!value.good) {
        read.not_understood.push_back({line, "not understood to its end: " + std::string(name)});
      }
      std::string before;
      for (const Assignment& each : read.all) {
        if (more && each.name == name) before = each.value;
      }
      if (!value.comment.empty()) comment += value.comment + "\n";
      read.all.push_back(
          {std::string(name), before + value.text, std::exchange(comment, {}), line});
      line += static_cast<unsigned>(
          std::count(text.begin() + static_cast<std::ptrdiff_t>(at),
                     text.begin() + static_cast<std::ptrdiff_t>(value.end), '\n'));
      at = value.end;
      continue;
    }
    ++line;
    at = line_end + 1;
  }
  return read;
}

FreeBsdHost read_rc_conf(std::string_view text) {
  return Reader().read(text);
}

CarpSysctls read_sysctl_conf(std::string_view text) {
  CarpSysctls read;
  unsigned line = 0;
  while (!text.empty()) {
    ++line;
    std::string_view whole = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(whole.size() + 1, text.size()));
    whole = trim(whole.substr(0, whole.find('#')));
    const std::size_t equals = whole.find('=');
    if (equals == whole.npos) {
      if (!whole.empty())
        read.remarks.push_back({line, "not an assignment: " + std::string(whole)});
      continue;
    }
    const std::string_view name = trim(whole.substr(0, equals));
    const std::string_view value = trim(whole.substr(equals + 1));
    if (!name.starts_with("net.inet.carp.")) continue;
    if (name == "net.inet.carp.preempt") {
      read.preempt = value != "0";
    } else if (name == "net.inet.carp.allow" && value == "0") {
      read.remarks.push_back({line, "CARP was switched off by net.inet.carp.allow=0"});
    } else if (name == "net.inet.carp.demotion" ||
               name == "net.inet.carp.senderr_demotion_factor" ||
               name == "net.inet.carp.ifdown_demotion_factor") {
      read.remarks.push_back({line, fmt::format("{} has no place: 'track' lines of a redundancy "
                                                "section say what demotes it",
                                                name)});
    }
  }
  return read;
}

std::optional<std::uint8_t> read_netmask(std::string_view text) {
  std::uint32_t mask = 0;
  if (const auto address = parse_ipv4(text)) {
    mask = address->value.host();
  } else if (text.starts_with("0x")) {
    const auto number = read_number(text.substr(2), 16);
    if (!number) return std::nullopt;
    mask = *number;
  } else {
    return std::nullopt;
  }
  const int length = std::countl_one(mask);
  if (std::popcount(mask) != length) return std::nullopt;
  return static_cast<std::uint8_t>(length);
}

}  // namespace carpool::tool
