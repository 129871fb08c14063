"""UDP through the virtual address: a DNS service whose flows end with their answers, and a syslog
service that never answers."""

import random
import time
from dataclasses import replace

from .. import measure
from ..config import LabConfig, ServerLine
from ..lab import Lab
from ..load import Probe
from ..name_server import DNS_PORT, NAME, NameServer, is_bound
from ..outcome import Outcome
from ..process import wait_until
from ..topology import DB_SERVERS, VIRTUAL_ADDRESS, WEB_SERVERS
from .basic import counters_add_up, fair
from .scenario import Scenario

SYSLOG_PORT = 514
SYSLOG_IDLE_S = 3
SENDERS, MESSAGES = 40, 100
CHECK = "check inter 500ms rise 2 fall 2"


def service(name: str, lines: list[str], hosts, port: int) -> str:
    servers = [str(ServerLine(host.name, host.address, port, CHECK)) for host in hosts]
    bind = f"    bind udp@{VIRTUAL_ADDRESS}:{port}"
    return "\n".join((f"listen {name}", "    mode udp", bind, *lines, *servers))


def with_udp(config: LabConfig) -> LabConfig:
    dns = ["    proxy-responses 1", f"    option dns-check name {NAME}"]
    syslog = [
        f"    timeout client {SYSLOG_IDLE_S}s",
        f"    timeout server {SYSLOG_IDLE_S}s",
        '    option udp-check send "<14>carpool lab: check"',
    ]
    return replace(
        config,
        services=(
            service("dns", dns, WEB_SERVERS, DNS_PORT),
            service("syslog", syslog, DB_SERVERS, SYSLOG_PORT),
        ),
    )


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    lab.up_network()
    name_servers = [NameServer(lab.network, host, lab.dir) for host in WEB_SERVERS]
    for server in name_servers:
        server.start()
    receivers = {host.name: lab.clients.syslog_receiver(host.name, SYSLOG_PORT) for host in DB_SERVERS}
    for name, receiver in receivers.items():
        pid = receiver.process.pid
        wait_until(f"{name} receives", lambda: is_bound(pid, SYSLOG_PORT), 10)
    lab.up_nodes(with_udp(config))
    lab.node("lb1").wait_group("MASTER")
    lab.node("lb2").wait_group("BACKUP")
    for node in lab.nodes:
        node.wait_servers_up()
    dns_shares(lab, outcome, name_servers)
    syslog(lab, outcome, receivers)
    dns_server_loss(lab, outcome, name_servers, rng.choice(name_servers))
    counters_add_up(lab, outcome)


def dns_shares(lab: Lab, outcome: Outcome, servers: list[NameServer]) -> None:
    outcome.step("A and AAAA from a new port every 10 ms for 3 s")
    prober = lab.clients.dns_prober(DNS_PORT, NAME)
    time.sleep(3)
    attempts = prober.stop()
    errors = measure.errors(attempts)
    shares = measure.shares([attempt["server"] for attempt in measure.successes(attempts)])
    outcome.check(
        len(attempts) >= 200 and not errors,
        f"{len(attempts)} pairs of questions, errors: {errors or 'none'}",
    )
    # A pair is one flow or, if the first answer is fast, two: shares of answers vary, those of flows
    # do not.
    outcome.check(
        fair(shares, [s.address for s in servers], 0.6), f"each name server answers: {shares}"
    )
    flows = {
        name: server["connections_total"] for name, server in lab.node("lb1").servers("dns").items()
    }
    outcome.check(
        max(flows.values()) - min(flows.values()) <= 1, f"and has its share of the flows: {flows}"
    )
    outcome.figure(dns_pairs=len(attempts), dns_shares=shares)
    wait_until("answered flows are gone", lambda: lab.node("lb1").flows() == 0, 10)
    outcome.check(True, "flows that were answered are gone")


def syslog(lab: Lab, outcome: Outcome, receivers: dict[str, Probe]) -> None:
    outcome.step(f"{SENDERS} hosts send {MESSAGES} messages each")
    sender = lab.clients.syslog_sender(SYSLOG_PORT, SENDERS, MESSAGES)
    sender.process.wait(timeout=30)
    live = lab.node("lb1").flows()
    outcome.check(live == SENDERS, f"{live} flows for {SENDERS} senders")
    wait_until("idle flows are gone", lambda: lab.node("lb1").flows() == 0, SYSLOG_IDLE_S + 10)
    outcome.check(True, f"flows are gone after {SYSLOG_IDLE_S} s and the sweep")
    texts = {
        name: [r["text"] for r in receiver.stop() if "message" in r["text"]]
        for name, receiver in receivers.items()
    }
    received = [text for of_server in texts.values() for text in of_server]
    wanted = SENDERS * MESSAGES
    outcome.check(
        len(received) == wanted and len(set(received)) == wanted,
        f"{len(received)} of {wanted} messages arrived, {len(set(received))} different ones",
    )
    long = sum(len(text) > 1500 for text in received)
    outcome.check(long == wanted // 10, f"{long} of {wanted // 10} came in fragments")
    hosts = {name: {text.split()[0] for text in of_server} for name, of_server in texts.items()}
    shares = {name: len(of_server) for name, of_server in hosts.items()}
    outcome.check(
        sum(shares.values()) == SENDERS and fair(shares, list(receivers), 0.9),
        f"every sender stayed on one server: {shares}",
    )
    outcome.figure(syslog_messages=len(received), syslog_shares=shares)


def dns_server_loss(
    lab: Lab, outcome: Outcome, servers: list[NameServer], victim: NameServer
) -> None:
    outcome.step(f"the name server of {victim.name} is killed")
    victim.kill()
    for node in lab.nodes:
        node.wait_server("dns", victim.name, "DOWN", 10)
    prober = lab.clients.dns_prober(DNS_PORT, NAME)
    time.sleep(1.5)
    attempts = prober.stop()
    shares = measure.shares([attempt["server"] for attempt in measure.successes(attempts)])
    others = [server.address for server in servers if server is not victim]
    outcome.check(
        len(attempts) > 50 and not measure.errors(attempts) and fair(shares, others, 0.6),
        f"the others answer all: {shares}, errors: {measure.errors(attempts) or 'none'}",
    )
    victim.start()
    for node in lab.nodes:
        node.wait_server("dns", victim.name, "UP", 10)
    outcome.check(True, f"{victim.name} is back in rotation")


SCENARIO = Scenario("udp", "DNS and syslog: no datagram lost, fair shares, flows that end", run)
