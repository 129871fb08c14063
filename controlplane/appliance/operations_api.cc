#include "controlplane/appliance/operations_api.h"

#include <chrono>
#include <expected>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "controlplane/appliance/operations.h"
#include "controlplane/console/http_server.h"

// In this file every co_await stands in a statement of its own: GCC 12 miscompiles some of those
// that are part of a condition.

namespace carpool {
namespace {

namespace asio = boost::asio;
using console::ActionRequest;
using console::Reply;
using json = nlohmann::ordered_json;

struct Wanted {
  std::string group;       // empty: all
  std::optional<bool> on;  // where it was said
};

// The body as what it asks for, or why it cannot be understood. No body at all is an empty object.
std::expected<Wanted, std::string> parse(const std::string& body, bool with_on) {
  Wanted wanted;
  if (body.find_first_not_of(" \t\r\n") == std::string::npos) {
    if (with_on) return std::unexpected("\"on\" is missing: true or false");
    return wanted;
  }
  const json object = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::unexpected("the body is no JSON object");
  for (const auto& [key, value] : object.items()) {
    if (key == "group" && value.is_string()) {
      wanted.group = value.get<std::string>();
    } else if (key == "on" && with_on && value.is_boolean()) {
      wanted.on = value.get<bool>();
    } else if (key == "group" || (key == "on" && with_on)) {
      return std::unexpected(
          fmt::format("\"{}\" has to be {}", key, key == "group" ? "a string" : "true or false"));
    } else {
      return std::unexpected(fmt::format("\"{}\" is not known here", key));
    }
  }
  if (with_on && !wanted.on) return std::unexpected("\"on\" is missing: true or false");
  return wanted;
}

Reply reply_to(const Refusal& refusal) {
  switch (refusal.kind) {
    case Refusal::Kind::kUnknown:
      return console::error_reply(404, refusal.why);
    case Refusal::Kind::kRefused:
      return console::error_reply(409, refusal.why);
    case Refusal::Kind::kFailed:
      break;
  }
  return console::error_reply(500, refusal.why);
}

Reply reply_with(const json& body) {
  return {200, "application/json", body.dump(2, ' ', false, json::error_handler_t::replace) + "\n"};
}

// Overlap is the same time: until the new holder was heard, this node forwarded as well.
json moves_json(const std::vector<GroupMove>& moves) {
  json all = json::array();
  for (const GroupMove& move : moves) {
    const double took = std::chrono::duration<double, std::milli>(move.took).count();
    all.push_back({{"group", move.group}, {"from", move.from}, {"to", move.to}, {"took_ms", took}});
  }
  return all;
}

asio::awaitable<Reply> switchover(Operations& operations, ActionRequest request) {
  auto wanted = parse(request.body, false);
  if (!wanted) co_return console::error_reply(400, wanted.error());
  auto moved = co_await operations.switchover(std::move(wanted->group), request.caller.text());
  if (!moved) co_return reply_to(moved.error());
  json body = json::object();
  body["moved"] = moves_json(*moved);
  co_return reply_with(body);
}

asio::awaitable<Reply> drill(Operations& operations, ActionRequest request) {
  auto wanted = parse(request.body, false);
  if (!wanted) co_return console::error_reply(400, wanted.error());
  auto report = co_await operations.drill(std::move(wanted->group), request.caller.text());
  if (!report) co_return reply_to(report.error());
  json body = json::object();
  body["there"] = moves_json(report->there);
  body["back"] = moves_json(report->back);
  co_return reply_with(body);
}

asio::awaitable<Reply> demote(Operations& operations, ActionRequest request) {
  auto wanted = parse(request.body, true);
  if (!wanted) co_return console::error_reply(400, wanted.error());
  auto report =
      co_await operations.demote(*wanted->on, std::move(wanted->group), request.caller.text());
  if (!report) co_return reply_to(report.error());
  json body = json::object();
  body["on"] = report->on;
  body["groups"] = report->groups;
  body["moved"] = moves_json(report->moved);
  if (!report->kept.empty()) body["kept"] = report->kept;
  co_return reply_with(body);
}

}  // namespace

void serve_operations(console::HttpServer& server, Operations& operations) {
  const auto bound = [&operations](auto action) {
    return [&operations, action](ActionRequest request) {
      return action(operations, std::move(request));
    };
  };
  server.post("/api/v1/switchover", bound(switchover));
  server.post("/api/v1/drill", bound(drill));
  server.put("/api/v1/demote", bound(demote));
}

}  // namespace carpool
