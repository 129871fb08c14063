// What a FreeBSD machine says of its network in rc.conf and sysctl.conf: names, interfaces, CARP.
// Pure, and tolerant: what is not understood is listed, with its line, and nothing else is guessed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/net/address.h"

namespace carpool::tool {

// NAME="value", as sh would have it: quotes, comments, continued lines, NAME+="more".
struct Assignment {
  std::string name;
  std::string value;
  std::string comment;  // the comment lines right above it, and one behind it; with their '#'
  unsigned line = 0;    // from 1
};

// Something that could not be taken, and why.
struct Remark {
  unsigned line = 0;
  std::string text;

  friend bool operator==(const Remark&, const Remark&) = default;
};

struct Assignments {
  std::vector<Assignment> all;  // the last of a name counts
  std::vector<Remark> not_understood;
};
[[nodiscard]] Assignments read_assignments(std::string_view text);

struct InterfaceAddress {
  std::string interface;
  Ipv4Prefix prefix;
};

// One vhid on one interface, with all its addresses.
struct CarpGroup {
  unsigned vhid = 0;
  std::string interface;  // empty: FreeBSD 9 finds it by the addresses, and there was none
  std::string password;
  unsigned advskew = 0;
  unsigned advbase = 1;
  std::vector<Ipv4Prefix> addresses;
  std::string comment;
  unsigned line = 0;
};

struct FreeBsdHost {
  std::string name;  // without its domain; empty: rc.conf does not say
  std::vector<InterfaceAddress> own;
  std::vector<CarpGroup> groups;
  std::vector<Remark> remarks;  // what was not understood, and what there is no place for
};
[[nodiscard]] FreeBsdHost read_rc_conf(std::string_view text);

// net.inet.carp.*
struct CarpSysctls {
  bool preempt = false;
  std::vector<Remark> remarks;
};
[[nodiscard]] CarpSysctls read_sysctl_conf(std::string_view text);

// "255.255.255.0", "0xffffff00"; nothing: not a mask.
[[nodiscard]] std::optional<std::uint8_t> read_netmask(std::string_view text);

}  // namespace carpool::tool
