#include "controlplane/runtime/netlink_message.h"

#include <algorithm>

namespace carpool::netlink {
namespace {

// The first `length` bytes, with the padding behind them dropped from the front of `bytes` too.
Bytes take(Bytes& bytes, std::size_t length) {
  const auto taken = bytes.first(length);
  bytes = bytes.subspan(std::min(padded(length), bytes.size()));
  return taken;
}

}  // namespace

std::optional<Attribute> take_attribute(Bytes& bytes) {
  const auto header = read<rtattr>(bytes);
  if (!header || header->rta_len < sizeof(rtattr) || header->rta_len > bytes.size()) {
    return std::nullopt;
  }
  const auto whole = take(bytes, header->rta_len);
  return Attribute{static_cast<std::uint16_t>(header->rta_type & NLA_TYPE_MASK),
                   whole.subspan(sizeof(rtattr))};
}

std::optional<Bytes> take_message(Bytes& bytes) {
  const auto header = read<nlmsghdr>(bytes);
  if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > bytes.size()) {
    return std::nullopt;
  }
  return take(bytes, header->nlmsg_len);
}

std::optional<Message> parse_message(Bytes message) {
  const auto header = read<nlmsghdr>(message);
  if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > message.size()) {
    return std::nullopt;
  }
  return Message{*header, message.first(header->nlmsg_len).subspan(sizeof(nlmsghdr))};
}

void Request::append(const void* data, std::size_t size) {
  bytes_.resize(padded(bytes_.size()));
  const auto* first = static_cast<const std::uint8_t*>(data);
  bytes_.insert(bytes_.end(), first, first + size);
  const auto length = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
}

}  // namespace carpool::netlink
