// A verdict in the words of each protocol. Pure.
#pragma once

#include <string>

#include "tools/probe/http_request.h"
#include "tools/probe/verdict.h"

namespace carpool::probe {

// 200 where the server is in rotation, else 503. The reason is the body, and for 503 it stands
// behind the reason phrase as well, where load balancers take the text that they show.
[[nodiscard]] std::string http_answer(const HttpRequest& request, const Verdict& verdict);

// For a request that asks nothing: 405, 400 or 431; 408 for one that is Incomplete, since that
// took too long.
[[nodiscard]] std::string http_refusal(const HttpRequest& request);

// HAProxy's agent protocol: one line of words. `weight` is the percentage of the server's
// configured weight while it is up. `recovered` adds the word that ends an earlier `drain` or
// `maint`: HAProxy keeps those until it hears it.
[[nodiscard]] std::string agent_answer(const Verdict& verdict, int weight, bool recovered);

}  // namespace carpool::probe
