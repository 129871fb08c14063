#include "controlplane/health/probe.h"

#include <utility>

#include "controlplane/health/probe_chain.h"
#include "controlplane/health/probe_datagram.h"
#include "controlplane/health/probe_dialogue.h"
#include "controlplane/health/probe_external.h"
#include "controlplane/health/probe_mysql.h"
#include "controlplane/health/protocol_dialogues.h"

namespace carpool {
namespace {

using boost::asio::awaitable;

// A plain function, not a coroutine: the probe takes copies, so that the plan may change meanwhile.
struct Start {
  const CheckPlan& plan;
  ProbeFacts& facts;

  awaitable<CheckResult> operator()(const config::TcpCheck& check) const {
    return probe_tcp(check, plan.target);
  }
  awaitable<CheckResult> operator()(const config::HttpCheck& check) const {
    return probe_http(check, plan.target, std::move(facts.state));
  }
  awaitable<CheckResult> operator()(const config::MysqlLoginCheck& check) const {
    return probe_mysql(check, plan.target);
  }
  awaitable<CheckResult> operator()(const config::UdpCheck& check) const {
    return probe_udp(check, plan.target);
  }
  awaitable<CheckResult> operator()(const config::DnsCheck& check) const {
    return probe_dns(check, plan.target);
  }
  awaitable<CheckResult> operator()(const config::IcmpCheck&) const {
    return probe_icmp(plan.target);
  }
  awaitable<CheckResult> operator()(const config::ExternalCheck& check) const {
    return probe_external(check, plan.external, plan.target.timeouts, facts.connections);
  }
  // As in HAProxy: those whose servers would take a reset amiss are left politely.
  awaitable<CheckResult> operator()(const config::MysqlCheck& check) const {
    return talk(dialogue_of(check), {.close_style = CloseStyle::Polite});
  }
  awaitable<CheckResult> operator()(const config::PgsqlCheck& check) const {
    return talk(dialogue_of(check), {.close_style = CloseStyle::Polite});
  }
  awaitable<CheckResult> operator()(const config::SmtpCheck& check) const {
    return talk(dialogue_of(check), {.close_style = CloseStyle::Polite});
  }
  awaitable<CheckResult> operator()(const config::RedisCheck& check) const {
    return talk(dialogue_of(check), {});
  }
  awaitable<CheckResult> operator()(const config::LdapCheck& check) const {
    return talk(dialogue_of(check), {});
  }
  awaitable<CheckResult> operator()(const config::SslHelloCheck& check) const {
    return talk(dialogue_of(check), {.timeout = CheckStatus::L6Timeout});
  }

  [[nodiscard]] awaitable<CheckResult> talk(Dialogue dialogue, DialogueManners manners) const {
    return probe_dialogue(std::move(dialogue), plan.target, manners);
  }
};

}  // namespace

bool tells_state(const config::HealthCheck& check) {
  const auto* http = std::get_if<config::HttpCheck>(&check);
  return http != nullptr && http->send_state;
}

awaitable<CheckResult> probe(const CheckPlan& plan, ProbeFacts facts) {
  return std::visit(Start{plan, facts}, plan.check);
}

}  // namespace carpool
