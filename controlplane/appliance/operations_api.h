// Operations over HTTP. Each takes a JSON object, and answers with one: what was done, or an
// "error" that says why not (400 not understood, 404 no such group, 409 not as things are, 500 it
// was tried and failed).
//
//   POST /api/v1/switchover  {"group": "public"}             the group may be left out: all
//   POST /api/v1/drill       {"group": "public"}
//   PUT  /api/v1/demote      {"on": true, "group": "public"}
#pragma once

namespace carpool {

namespace console {
class HttpServer;
}
class Operations;

void serve_operations(console::HttpServer& server, Operations& operations);

}  // namespace carpool
