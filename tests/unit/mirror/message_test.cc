#include "controlplane/mirror/message.h"

#include <array>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/mirror/hex.h"
#include "tests/unit/mirror/records.h"

namespace carpool::mirror {
namespace {

bool same(const abi::MirrorRecord& a, const abi::MirrorRecord& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

std::array<std::uint8_t, kRecordBytes> encoded(const abi::MirrorRecord& record) {
  std::array<std::uint8_t, kRecordBytes> bytes;
  encode_record(record, bytes);
  return bytes;
}

// The wire is a contract with nodes of another version: these bytes must not change unnoticed.
TEST(Record, GoldenBytes) {
  abi::MirrorRecord record = test::record(0xc0000207, abi::MirrorKind::ended);
  record.service = 0x1234;
  record.server = 0x0506;
  record.age_ms = 0x00010203;
  EXPECT_EQ(test::to_hex(encoded(record)),
            "33"  // ended, established
            "06"
            "07"      // TCP, slot
            "010203"  // age
            "c0000207"
            "c000020a"
            "0a00000a"
            "0a00000b"
            "9c40"
            "0050"
            "0400"
            "1f90"
            "1234"
            "0506"  // service, server
            "020000000007");
}

TEST(Record, ComesBackAsItWas) {
  abi::MirrorRecord record = test::record(17, abi::MirrorKind::refreshed);
  record.service = 4095;
  record.server = 16383;
  const auto decoded = decode_record(encoded(record));
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(same(*decoded, record));
}

TEST(Record, AnAgeTooLongToTellIsToldShorter) {
  abi::MirrorRecord record = test::record(1);
  record.age_ms = 0xffff'ffff;
  EXPECT_EQ(decode_record(encoded(record))->age_ms, kMaxAgeMs);
}

TEST(Record, RefusesWhatTellsOfNoConnection) {
  for (const auto kind :
       {abi::MirrorKind::none, abi::MirrorKind::bulk_end, static_cast<abi::MirrorKind>(15)}) {
    EXPECT_FALSE(decode_record(encoded(test::record(1, kind))));
  }
  abi::MirrorRecord record = test::record(1);
  record.slot = abi::kSlots;
  EXPECT_FALSE(decode_record(encoded(record)));
}

TEST(Datagram, GoldenHeader) {
  DatagramHeader header{DatagramType::session, 0x0102, {}, {}, 0x1112131415161718};
  header.sender.fill(0xaa);
  header.receiver.fill(0xbb);
  std::array<std::uint8_t, kHeaderBytes + kTagBytes> bytes{};
  write_header(header, std::span(bytes).first<kHeaderBytes>());
  EXPECT_EQ(test::to_hex(std::span(bytes).first<kHeaderBytes>()),
            "43504d52"
            "02"
            "02"
            "0102"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
            "1112131415161718");
  EXPECT_EQ(parse_header(bytes), header);
}

TEST(Datagram, SaysWhyBytesAreNone) {
  std::array<std::uint8_t, kMaxDatagramBytes + 1> bytes{};
  write_header({}, std::span(bytes).first<kHeaderBytes>());
  const auto reason = [&](std::size_t length) {
    return parse_header(std::span(bytes).first(length)).error();
  };
  EXPECT_EQ(reason(0), DropReason::too_short);
  EXPECT_EQ(reason(kHeaderBytes + kTagBytes - 1), DropReason::too_short);
  EXPECT_EQ(reason(kMaxDatagramBytes + 1), DropReason::too_long);
  EXPECT_TRUE(parse_header(std::span(bytes).first(kMaxDatagramBytes)));
  bytes[5] = 3;
  EXPECT_EQ(reason(100), DropReason::not_ours) << "type";
  bytes[4] = kProtocolVersion + 1;
  EXPECT_EQ(reason(100), DropReason::other_version);
  bytes[0] = 'X';
  EXPECT_EQ(reason(100), DropReason::not_ours) << "magic";
}

// ---- Messages -----------------------------------------------------------------------------------

NodeStatus some_status() {
  return {"lb1", std::string(64, 'd'), 2, {"public", "internal"}};
}

struct Payload {
  std::array<std::uint8_t, kMaxPayloadBytes> bytes{};
  ByteWriter writer{bytes};
  MessageReader reader() { return MessageReader(writer.written()); }
};

TEST(Message, SeveralInOnePayload) {
  Payload payload;
  const Hello hello{true, 77, some_status()};
  const std::array<std::uint8_t, 3> map{1, 2, 3};
  const ItemBytes item = encode(BulkEndItem{9});
  ASSERT_TRUE(append(payload.writer, hello));
  ASSERT_TRUE(append(payload.writer, some_status()));
  ASSERT_TRUE(append(payload.writer, Acknowledgement{5, map}));
  ASSERT_TRUE(append(payload.writer, StreamItem{8, item}));

  auto reader = payload.reader();
  EXPECT_EQ(std::get<Hello>(reader.next().value()), hello);
  EXPECT_EQ(std::get<NodeStatus>(reader.next().value()), some_status());
  const auto acknowledgement = std::get<Acknowledgement>(reader.next().value());
  EXPECT_EQ(acknowledgement.next, 5u);
  EXPECT_EQ(test::to_hex(acknowledgement.map), "010203");
  const auto stream = std::get<StreamItem>(reader.next().value());
  EXPECT_EQ(stream.number, 8u);
  EXPECT_EQ(std::get<BulkEndItem>(decode_item(stream.item).value()), BulkEndItem{9});
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.malformed());
}

TEST(Message, WhatDoesNotFitIsNotBegun) {
  Payload payload;
  const ItemBytes large(kMaxItemBytes, 1);
  ASSERT_TRUE(append(payload.writer, StreamItem{1, large}));
  EXPECT_EQ(payload.writer.room(), 0u);
  EXPECT_FALSE(append(payload.writer, StreamItem{2, large}));
  EXPECT_EQ(payload.writer.used(), kMaxPayloadBytes);
  auto reader = payload.reader();
  EXPECT_TRUE(reader.next());
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.malformed());
}

TEST(Message, ManyLongClaimsAreCutAndTheRestStays) {
  Payload payload;
  NodeStatus status = some_status();
  status.claims.assign(abi::kMaxGroups, std::string(63, 'g'));
  ASSERT_TRUE(append(payload.writer, status));
  auto reader = payload.reader();
  const auto read = std::get<NodeStatus>(reader.next().value());
  EXPECT_EQ(read.node, status.node);
  EXPECT_EQ(read.digest, status.digest);
  EXPECT_GE(read.claims.size(), 18u);
  status.claims.assign(abi::kMaxGroups, std::string(30, 'g'));
  Payload fits;
  ASSERT_TRUE(append(fits.writer, status));
  auto all = fits.reader();
  EXPECT_EQ(std::get<NodeStatus>(all.next().value()).claims.size(), abi::kMaxGroups);
}

TEST(Message, CutAnywhereIsMalformedOrFewerMessages) {
  Payload payload;
  ASSERT_TRUE(append(payload.writer, Hello{false, 1, some_status()}));
  const auto whole = payload.writer.written();
  for (std::size_t length = 1; length < whole.size(); ++length) {
    MessageReader reader(whole.first(length));
    EXPECT_FALSE(reader.next()) << length;
    EXPECT_TRUE(reader.malformed()) << length;
  }
}

// ---- Items --------------------------------------------------------------------------------------

TEST(Item, NamesTakeAsManyItemsAsTheyNeed) {
  std::vector<std::string> names;
  for (int at = 0; at < 100; ++at)
    names.push_back(std::string(120, 'n') + std::to_string(at));
  std::vector<NamesItem::Entry> entries;
  for (std::size_t at = 0; at < names.size(); ++at)
    entries.push_back({static_cast<std::uint16_t>(at * 3), names[at]});

  std::vector<NamesItem::Entry> read;
  std::span<const NamesItem::Entry> rest = entries;
  int items = 0;
  std::vector<ItemBytes> kept;
  while (!rest.empty()) {
    kept.push_back(encode_names(NameTable::servers, rest));
    EXPECT_LE(kept.back().size(), kMaxItemBytes);
    const auto item = std::get<NamesItem>(decode_item(kept.back()).value());
    EXPECT_EQ(item.table, NameTable::servers);
    read.insert(read.end(), item.entries.begin(), item.entries.end());
    ++items;
  }
  EXPECT_EQ(read, entries);
  EXPECT_GT(items, 5);
}

TEST(Item, AFullBatchOfRecordsFillsADatagram) {
  ItemBytes item = begin_records();
  for (std::uint32_t at = 0; at < kRecordsPerItem; ++at)
    append_record(item, test::record(at));
  EXPECT_LE(item.size(), kMaxItemBytes);
  EXPECT_GT(item.size() + kRecordBytes, kMaxItemBytes) << "one more would fit";
  const auto records = std::get<RecordsItem>(decode_item(item).value()).records;
  ASSERT_EQ(records.size(), kRecordsPerItem * kRecordBytes);
  const auto last = decode_record(records.last<kRecordBytes>());
  EXPECT_TRUE(same(last.value(), test::record(kRecordsPerItem - 1)));
}

TEST(Item, RefusesWhatIsNone) {
  EXPECT_FALSE(decode_item({}));
  EXPECT_FALSE(decode_item(test::from_hex("00")));
  EXPECT_FALSE(decode_item(test::from_hex("ff00000000")));
  EXPECT_FALSE(decode_item(test::from_hex("0102"))) << "names of a third table";
  EXPECT_FALSE(decode_item(test::from_hex("01000001056162"))) << "a name cut short";
  EXPECT_FALSE(decode_item(test::from_hex("02abcdef"))) << "a record cut short";
  EXPECT_FALSE(decode_item(test::from_hex("03000000"))) << "a serial cut short";
  EXPECT_TRUE(decode_item(test::from_hex("0300000001")));
}

TEST(Item, RequestsAndAnswersComeBackAsTheyWere) {
  const RequestItem request{7, RequestKind::hand_over, 50, "public", "root on lb2"};
  const auto asked = decode_item(encode(request));
  ASSERT_TRUE(asked);
  EXPECT_EQ(std::get<RequestItem>(*asked), request);
  const AnswerItem answer{7, true, {{"public", 4100}, {"private", 1}}, "because"};
  const auto answered = decode_item(encode(answer));
  ASSERT_TRUE(answered);
  EXPECT_EQ(std::get<AnswerItem>(*answered), answer);
}

TEST(Item, AnAnswerThatDoesNotFitIsCut) {
  AnswerItem answer{1, false, {}, std::string(5000, 'x')};
  EXPECT_LE(encode(answer).size(), kMaxItemBytes);
  answer.moves.assign(300, {std::string(63, 'g'), 1});
  const auto bytes = encode(answer);
  EXPECT_LE(bytes.size(), kMaxItemBytes);
  const auto decoded = decode_item(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_GT(std::get<AnswerItem>(*decoded).moves.size(), 10u);
}

TEST(Item, ARequestThatNobodyKnowsIsNone) {
  auto bytes = encode(RequestItem{1, RequestKind::may_take, 0, "public", "root"});
  bytes[kItemTypeBytes + 4] = 99;
  EXPECT_FALSE(decode_item(bytes));
  bytes.resize(kItemTypeBytes + 6);
  EXPECT_FALSE(decode_item(bytes));
}

}  // namespace
}  // namespace carpool::mirror
