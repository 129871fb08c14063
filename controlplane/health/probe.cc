#include "controlplane/health/probe.h"

#include "controlplane/health/probe_http.h"
#include "controlplane/health/probe_tcp.h"

namespace carpool {
namespace {

using boost::asio::awaitable;

// A plain function, not a coroutine: the probe takes copies, so that the plan may change meanwhile.
struct Start {
  const CheckPlan& plan;

  awaitable<CheckResult> operator()(const config::TcpCheck&) const {
    return probe_tcp(plan.target, plan.timeouts);
  }
  awaitable<CheckResult> operator()(const config::HttpCheck& check) const {
    return probe_http(check, plan.target, plan.timeouts);
  }
};

}  // namespace

awaitable<CheckResult> probe(const CheckPlan& plan) {
  return std::visit(Start{plan}, plan.check);
}

}  // namespace carpool
