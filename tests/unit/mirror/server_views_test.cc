// What nodes think of servers, from one to the other.
#include "controlplane/mirror/server_views.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/mirror/talk.h"

namespace carpool::mirror::test {
namespace {

using State = ServerViewState;

std::string told(const End& end) {
  std::string text;
  for (const auto& [name, view] : *end.session->peer_views()) {
    text += name + " " + std::to_string(static_cast<int>(view.state)) + " " + view.check + " " +
            view.text + "\n";
  }
  return text;
}

TEST(ServerViews, ReachThePeer) {
  Talk talk;
  talk.a.session->change_views({{"web/a", State::up, "L4OK", ""}, {"web/b", State::up, "", ""}},
                               talk.now);
  talk.meet();
  EXPECT_EQ(told(talk.b), "web/a 1 L4OK \nweb/b 1  \n");
  EXPECT_EQ(told(talk.a), "");

  // Changes alone from then on; who is told keeps when a state changed, not its words.
  talk.a.session->change_views({{"web/b", State::down, "L4TOUT", ""}}, talk.now);
  talk.run(50ms);
  const Instant since = talk.b.session->peer_views()->at("web/b").since;
  EXPECT_EQ(told(talk.b), "web/a 1 L4OK \nweb/b 2 L4TOUT \n");
  talk.run(1s);
  talk.a.session->change_views({{"web/b", State::down, "L4CON", "refused"}}, talk.now);
  talk.run(50ms);
  EXPECT_EQ(told(talk.b), "web/a 1 L4OK \nweb/b 2 L4CON refused\n");
  EXPECT_EQ(talk.b.session->peer_views()->at("web/b").since, since);
  talk.a.session->change_views({{"web/a", State::gone, "", ""}}, talk.now);
  talk.run(50ms);
  EXPECT_EQ(told(talk.b), "web/b 2 L4CON refused\n");
}

TEST(ServerViews, GoWithThePeerAndComeBackWithIt) {
  Talk talk;
  talk.a.session->change_views({{"web/a", State::up, "L4OK", ""}}, talk.now);
  talk.meet();
  talk.cut_a_to_b = talk.cut_b_to_a = true;
  talk.run(2s);
  EXPECT_EQ(told(talk.b), "");
  talk.a.session->change_views({{"web/a", State::maintenance, "L4OK", ""}}, talk.now);
  talk.cut_a_to_b = talk.cut_b_to_a = false;
  talk.run(1s);
  EXPECT_EQ(told(talk.b), "web/a 5 L4OK \n");
}

TEST(ServerViews, ThousandsFitAndTextsAreCut) {
  Talk talk;
  std::vector<ServerView> views;
  for (int i = 0; i < 5000; ++i) {
    views.push_back({"a-backend-with-a-rather-long-name/server" + std::to_string(i), State::down,
                     "L7STS/503", std::string(300, 'x')});
  }
  for (const ItemBytes& item : encode_views(views))
    EXPECT_LE(item.size(), kMaxItemBytes);
  talk.a.session->change_views(views, talk.now);
  talk.meet();
  talk.run(1s);
  const auto& there = *talk.b.session->peer_views();
  ASSERT_EQ(there.size(), 5000u);
  EXPECT_EQ(there.begin()->second.text, std::string(kMaxViewText, 'x'));
}

TEST(ServerViews, NoMoreAreKeptThanThereCanBe) {
  ServerViews views;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kMaxViews + 10; ++i)
    names.push_back("web/" + std::to_string(i));
  ViewsItem item;
  for (const std::string& name : names)
    item.entries.push_back({State::up, name, "", ""});
  views.learn(item, {});
  EXPECT_EQ(views.peer()->size(), kMaxViews);
}

TEST(ServerViews, WhatIsNoViewIsRefused) {
  const ServerView view{"web/a", State::up, "L4OK", ""};
  auto items = encode_views(std::span(&view, 1));
  ASSERT_EQ(items.size(), 1u);
  ASSERT_TRUE(decode_item(items[0]));
  auto cut = items[0];
  cut.pop_back();
  EXPECT_FALSE(decode_item(cut));
  items[0][1] = 6;  // no such state
  EXPECT_FALSE(decode_item(items[0]));
}

}  // namespace
}  // namespace carpool::mirror::test
