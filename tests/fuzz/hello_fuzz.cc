// What hellos may hold: any bytes as a frame and as a message; then authentic messages of any
// content and order, between which time passes, into a session. Never is a peer called gone that
// was heard within the time that silence has to last.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "controlplane/peer/hello_frame.h"
#include "controlplane/peer/hello_message.h"
#include "controlplane/peer/hello_session.h"

using namespace carpool;
using namespace carpool::hello;
using namespace std::chrono_literals;

namespace {

constexpr auto kInterval = 10ms;
constexpr unsigned kCount = 5;
constexpr Life kOwn{1};

class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool at_end() const { return bytes_.empty(); }
  std::uint8_t take() {
    if (bytes_.empty()) return 0;
    const std::uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

const std::array<Key, 1>& keys() {
  static const std::array keys{make_key(1, std::vector<std::uint8_t>(32, 0x5c))};
  return keys;
}

void read_any(std::span<const std::uint8_t> bytes) {
  if (const auto frame = parse_frame(bytes)) static_cast<void>(decode(frame->message, keys()));
  if (bytes.size() < kTagBytes) return;
  // With a right tag the content itself is judged.
  std::vector<std::uint8_t> sealed(bytes.begin(), bytes.end());
  const auto message = decode(sealed, keys());
  if (!message) return;
  std::array<std::uint8_t, kMaxMessageBytes> again;
  if (decode(encode(*message, keys()[0], again), keys()) != message) std::abort();
}

Message message_of(Input& input, Session& session) {
  Message message;
  const std::uint8_t flags = input.take();
  message.goodbye = (flags & 0x0f) == 0x0f;
  message.tells_claims = (flags & 0x10) != 0;
  message.link = (flags & 0x20) != 0 ? link_id("wan") : LinkId::peer;
  message.interval = std::chrono::milliseconds(1 + input.take() % 20);
  message.life = Life(input.take() % 4);
  message.challenge = Challenge(input.take());
  // The present challenge is what an honest peer would repeat.
  const Message own = session.next(0);
  message.echoes = {(flags & 0x40) != 0 ? own.challenge : Challenge(input.take()),
                    Challenge(input.take())};
  message.sequence = input.take();
  if ((flags & 0x80) != 0) message.claims.push_back(group_id("public"));
  return message;
}

void drive(Input input) {
  Session session(kOwn, Challenge(100));
  session.configure({.links = {{"peer", LinkId::peer, kInterval, kCount},
                               {"wan", link_id("wan"), kInterval, kCount}},
                     .groups = {{"public", group_id("public"), 1, kInterval, kCount}}});
  session.set_claims({group_id("public")});
  Instant now{100s};
  std::array<Instant, 2> heard{};
  std::vector<Event> events;
  while (!input.at_end()) {
    const std::uint8_t step = input.take();
    if (step % 2 == 0) {
      const std::size_t link = step / 2 % 3;
      const Message message = message_of(input, session);
      std::array<std::uint8_t, kMaxMessageBytes> bytes;
      const auto read = decode(encode(message, keys()[0], bytes), keys());
      if (!read) std::abort();
      const auto drop = session.hear(link, *read, Ipv4Address::of(192, 0, 2, 2));
      if (!drop && link < heard.size()) heard[link] = now;
      continue;
    }
    now += std::chrono::milliseconds(step / 4);
    events.clear();
    session.look(now, (step & 2) != 0, events);
    for (const Event& event : events) {
      const auto* gone = std::get_if<PeerGone>(&event);
      if (gone == nullptr) continue;
      if (now - heard[1] < kCount * kInterval) std::abort();
      if (gone->cause == GoneCause::silent && now - heard[0] < kCount * kInterval) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  read_any(bytes);
  drive(Input(bytes));
  return 0;
}
