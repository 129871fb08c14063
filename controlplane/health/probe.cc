#include "controlplane/health/probe.h"

#include "controlplane/health/probe_chain.h"

namespace carpool {
namespace {

using boost::asio::awaitable;

// A plain function, not a coroutine: the probe takes copies, so that the plan may change meanwhile.
struct Start {
  const CheckPlan& plan;
  const std::string& state;

  awaitable<CheckResult> operator()(const config::TcpCheck& check) const {
    return probe_tcp(check, plan.target);
  }
  awaitable<CheckResult> operator()(const config::HttpCheck& check) const {
    return probe_http(check, plan.target, state);
  }
};

}  // namespace

awaitable<CheckResult> probe(const CheckPlan& plan, const std::string& state) {
  return std::visit(Start{plan, state}, plan.check);
}

}  // namespace carpool
