#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/mirror/stream_receiver.h"
#include "controlplane/mirror/stream_sender.h"
#include "tests/unit/mirror/records.h"

namespace carpool::mirror {
namespace {

using namespace std::chrono_literals;
using Arrival = StreamReceiver::Arrival;

struct Stream : testing::Test {
  StreamSender sender;
  StreamReceiver receiver;
  Instant now{};
  std::vector<std::uint32_t> delivered;  // serials

  void add(std::uint32_t serial) { sender.add(encode(BulkEndItem{serial}), now); }
  // Items as they leave now, copied off the sender.
  struct Sent {
    std::uint64_t number;
    ItemBytes bytes;
  };
  std::vector<Sent> send() {
    std::vector<Sent> sent;
    while (auto item = sender.next(now))
      sent.push_back({item->number, {item->item.begin(), item->item.end()}});
    return sent;
  }
  Arrival arrive(const Sent& sent) {
    return receiver.take({sent.number, sent.bytes}, [&](std::span<const std::uint8_t> bytes) {
      delivered.push_back(std::get<BulkEndItem>(decode_item(bytes).value()).serial);
    });
  }
  void acknowledge() { EXPECT_TRUE(sender.acknowledge(receiver.acknowledgement(), now)); }
};

TEST_F(Stream, InOrderAndOnce) {
  add(1);
  add(2);
  const auto sent = send();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(arrive(sent[0]), Arrival::in_order);
  EXPECT_EQ(arrive(sent[0]), Arrival::duplicate);
  EXPECT_EQ(arrive(sent[1]), Arrival::in_order);
  EXPECT_EQ(delivered, (std::vector<std::uint32_t>{1, 2}));
  acknowledge();
  EXPECT_EQ(sender.items(), 0u);
  EXPECT_FALSE(sender.deadline());
}

TEST_F(Stream, AnEarlyItemWaitsForTheOneBefore) {
  for (std::uint32_t serial = 0; serial < 5; ++serial)
    add(serial);
  const auto sent = send();
  EXPECT_EQ(arrive(sent[4]), Arrival::early);
  EXPECT_EQ(arrive(sent[2]), Arrival::early);
  EXPECT_EQ(arrive(sent[2]), Arrival::duplicate);
  EXPECT_EQ(arrive(sent[1]), Arrival::early);
  EXPECT_TRUE(delivered.empty());
  EXPECT_EQ(receiver.kept(), 3u);
  EXPECT_EQ(arrive(sent[0]), Arrival::in_order);
  EXPECT_EQ(delivered, (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(arrive(sent[3]), Arrival::in_order);
  EXPECT_EQ(delivered, (std::vector<std::uint32_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(receiver.kept(), 0u);
}

TEST_F(Stream, TheReceiverKeepsNoMoreThanAWindow) {
  EXPECT_EQ(arrive({kMaxWindow, encode(BulkEndItem{1})}), Arrival::too_early);
  EXPECT_EQ(arrive({~std::uint64_t{0}, encode(BulkEndItem{1})}), Arrival::too_early);
  EXPECT_EQ(arrive({kMaxWindow - 1, encode(BulkEndItem{1})}), Arrival::early);
  EXPECT_EQ(receiver.kept(), 1u);
}

TEST_F(Stream, WhatWasOvertakenIsSentAgainSoon) {
  for (std::uint32_t serial = 0; serial < 10; ++serial)
    add(serial);
  auto sent = send();
  for (std::size_t at = 0; at < sent.size(); ++at) {
    if (at != 2) arrive(sent[at]);
  }
  now += 1ms;
  acknowledge();
  sent = send();
  ASSERT_EQ(sent.size(), 1u) << "once it was heard that later ones arrived, not after a timeout";
  EXPECT_EQ(sent[0].number, 2u);
  arrive(sent[0]);
  EXPECT_EQ(delivered.size(), 10u);
  now += 1ms;
  acknowledge();
  EXPECT_EQ(sender.items(), 0u);
  EXPECT_EQ(sender.retransmissions(), 1u);
}

TEST_F(Stream, WhatNobodyAnswersIsSentAgainAtTheDeadline) {
  add(1);
  ASSERT_EQ(send().size(), 1u);
  EXPECT_EQ(sender.deadline(), now + StreamSender::kFirstTimeout);
  now = *sender.deadline() - 1ms;
  sender.expire(now);
  EXPECT_TRUE(send().empty());
  for (int tries = 0; tries < 5; ++tries) {
    const Instant before = now;
    now = *sender.deadline();
    sender.expire(now);
    ASSERT_EQ(send().size(), 1u);
    EXPECT_LE(*sender.deadline() - now, StreamSender::kMaxTimeout);
    EXPECT_GT(*sender.deadline(), before);
  }
}

// A dead peer is not flooded: the window closes with what is lost.
TEST_F(Stream, TheWindowBoundsWhatIsOnItsWay) {
  for (std::uint32_t serial = 0; serial < 5000; ++serial)
    add(serial);
  EXPECT_EQ(send().size(), StreamSender::kFirstWindow);
  std::size_t sent = 0;
  for (int timeouts = 0; timeouts < 10; ++timeouts) {
    now = *sender.deadline();
    sender.expire(now);
    sent = send().size();
  }
  EXPECT_EQ(sent, StreamSender::kMinWindow);
}

TEST_F(Stream, TheWindowOpensWithAcknowledgements) {
  std::uint32_t serial = 0;
  std::size_t largest = 0;
  for (int rounds = 0; rounds < 12; ++rounds) {
    for (int at = 0; at < 2000; ++at)
      add(serial++);
    const auto sent = send();
    largest = std::max(largest, sent.size());
    now += 1ms;
    for (const Sent& item : sent)
      arrive(item);
    acknowledge();
  }
  EXPECT_EQ(largest, kMaxWindow);
  EXPECT_EQ(sender.retransmissions(), 0u);
}

TEST_F(Stream, NonsenseIsNotAnAcknowledgement) {
  add(1);
  send();
  EXPECT_FALSE(sender.acknowledge({2, {}}, now));
  const std::vector<std::uint8_t> map(200, 0xff);
  EXPECT_TRUE(sender.acknowledge({0, map}, now)) << "bits of items that were never sent";
  EXPECT_EQ(sender.items(), 1u);
  EXPECT_TRUE(sender.acknowledge({1, {}}, now));
  EXPECT_TRUE(sender.acknowledge({0, map}, now)) << "an old one";
  EXPECT_EQ(sender.items(), 0u);
}

// ---- Records and their bounds -------------------------------------------------------------------

TEST_F(Stream, RecordsTravelTogether) {
  for (std::uint32_t at = 0; at < 2 * kRecordsPerItem + 1; ++at)
    EXPECT_EQ(sender.add(test::record(at), now), StreamSender::Taken::yes);
  const auto sent = send();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(std::get<RecordsItem>(decode_item(sent[2].bytes).value()).records.size(), kRecordBytes);
  EXPECT_EQ(sender.unacknowledged_records(), 2 * kRecordsPerItem + 1);
  // One that has left takes no more.
  EXPECT_EQ(sender.add(test::record(99), now), StreamSender::Taken::yes);
  EXPECT_EQ(send().size(), 1u);
}

TEST_F(Stream, AnItemBetweenRecordsKeepsItsPlace) {
  EXPECT_EQ(sender.add(test::record(1), now), StreamSender::Taken::yes);
  add(7);
  EXPECT_EQ(sender.add(test::record(2), now), StreamSender::Taken::yes);
  const auto sent = send();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<BulkEndItem>(decode_item(sent[1].bytes).value()));
}

TEST_F(Stream, RefreshesGoFirstThenAGapIsTold) {
  std::uint32_t number = 0;
  const auto fill = [&](std::size_t items) {
    while (sender.items() < items)
      EXPECT_EQ(sender.add(test::record(number++), now), StreamSender::Taken::yes);
  };
  fill(StreamSender::kItemsForChanges);
  const auto refresh = test::record(1, abi::MirrorKind::refreshed);
  EXPECT_EQ(sender.add(refresh, now), StreamSender::Taken::refresh_dropped);
  fill(StreamSender::kMaxItems);
  for (std::size_t at = 1; at < kRecordsPerItem; ++at)  // the last item still has room
    EXPECT_EQ(sender.add(test::record(number++), now), StreamSender::Taken::yes);
  for (int lost = 0; lost < 100; ++lost)
    EXPECT_EQ(sender.add(test::record(number), now), StreamSender::Taken::change_lost);
  EXPECT_EQ(sender.items(), StreamSender::kMaxItems);

  // The peer is back: everything that was kept, then the gap.
  std::uint64_t lost = 0;
  std::size_t items_after_gap = 0;
  for (int rounds = 0; rounds < 1000 && sender.items() > 0; ++rounds) {
    const auto sent = send();
    now += 1ms;
    for (const Sent& item : sent) {
      receiver.take({item.number, item.bytes}, [&](std::span<const std::uint8_t> bytes) {
        const auto decoded = decode_item(bytes).value();
        if (const auto* gap = std::get_if<GapItem>(&decoded)) {
          lost += gap->lost;
        } else if (lost > 0) {
          ++items_after_gap;
        }
      });
    }
    acknowledge();
  }
  EXPECT_EQ(lost, 100u);
  EXPECT_EQ(items_after_gap, 0u);
  EXPECT_EQ(sender.add(refresh, now), StreamSender::Taken::yes);
}

}  // namespace
}  // namespace carpool::mirror
