"""What balancing does besides sharing out: connections of a server that fails are ended on both
sides, clients keep their servers by hash, limits and rules turn others away."""

import dataclasses
import random
import signal
import time

from .. import measure
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from ..process import send_signal, wait_until
from ..topology import CLIENT, VIRTUAL_ADDRESS, WEB_PORT, WEB_SERVERS
from .scenario import Scenario

HASH_PORT, FULL_PORT, CLOSED_PORT, RATE_PORT, CHOICE_PORT = 81, 82, 83, 84, 85
HELD = 9
# Two checks half a second apart have to time out.
DETECTION_S = 5.0
SERVER_LINES = [
    f"    server {host.name} {host.address}:{WEB_PORT} check inter 500ms rise 2 fall 2"
    for host in WEB_SERVERS
]


def listen(name: str, port: int, *lines: str, options: str = "") -> str:
    servers = [f"{line} {options}".rstrip() for line in SERVER_LINES]
    head = [f"listen {name}", f"    bind {VIRTUAL_ADDRESS}:{port}", "    option httpchk GET /health"]
    return "\n".join([*head, *(f"    {line}" for line in lines), *servers])


SERVICES = (
    listen("web", WEB_PORT, options="on-marked-down shutdown-sessions slowstart 60s"),
    listen("hashed", HASH_PORT, "balance source", "hash-type consistent"),
    listen("full", FULL_PORT, options="maxconn 1"),
    listen(
        "closed",
        CLOSED_PORT,
        f"acl clients src {CLIENT.nics[0].address} 198.51.100.0/24",
        "tcp-request connection reject if clients",
    ),
    listen("slow", RATE_PORT, "rate-limit source 5"),
    "\n".join(
        (
            "frontend choice",
            f"    bind {VIRTUAL_ADDRESS}:{CHOICE_PORT}",
            f"    use_backend only-web2 if {{ src {CLIENT.nics[0].address} }} {{ dst_port {CHOICE_PORT} }}",
            "    default_backend hashed",
            "backend only-web2",
            "    option httpchk GET /health",
            SERVER_LINES[1],
        )
    ),
)


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    lab.up(dataclasses.replace(config, services=SERVICES))
    turned_away(lab, outcome)
    chosen(lab, outcome)
    server_fails(lab, outcome, rng.choice([server.name for server in lab.web]))


def ask(lab: Lab, port: int, times: int = 1) -> tuple[dict[str, int], list[int]]:
    """Requests on new connections: who answered, and curl's exit status where nobody did."""
    names, failures = [], []
    for _ in range(times):
        result = lab.network.run(
            CLIENT.name,
            ["curl", "-s", "-f", "-m", "0.5", f"http://{VIRTUAL_ADDRESS}:{port}/"],
            check=False,
        )
        if result.returncode == 0:
            names.append(result.stdout.strip())
        else:
            failures.append(result.returncode)
    return measure.shares(names), failures


def verdict(lab: Lab, name: str) -> int:
    return (lab.node("lb1").status() or {})["counters"]["verdicts"][name]


REFUSED, TIMED_OUT = 7, 28  # curl's exit status


def turned_away(lab: Lab, outcome: Outcome) -> None:
    outcome.step("a client that a rule rejects")
    before = verdict(lab, "refused_by_rule")
    _, failures = ask(lab, CLOSED_PORT, 3)
    outcome.check(failures == [REFUSED] * 3, f"it is told at once: curl exits {failures}")
    wait_until(
        "refused_by_rule counts", lambda: verdict(lab, "refused_by_rule") == before + 3, 5
    )

    outcome.step("more connections than all servers together may have")
    held = lab.clients.held(FULL_PORT, len(WEB_SERVERS))
    _, failures = ask(lab, FULL_PORT, 2)
    outcome.check(failures == [REFUSED] * 2, f"the next are told at once: curl exits {failures}")
    shares = measure.shares([record["server"] for record in held.stop()])
    outcome.check(set(shares.values()) == {1}, f"each server has one: {shares}")
    outcome.check(verdict(lab, "reset_servers_full") >= 2, "reset_servers_full counts")

    outcome.step("a client that is faster than 5 connections per second")
    attempts = lab.clients.http_prober(port=RATE_PORT)
    time.sleep(3)
    good = len(measure.successes(attempts.stop()))
    outcome.check(15 <= good <= 25, f"{good} of about 300 in 3 s got through")
    outcome.check(verdict(lab, "over_source_rate") > 0, "over_source_rate counts")


def chosen(lab: Lab, outcome: Outcome) -> None:
    outcome.step("which server a client gets")
    shares, failures = ask(lab, HASH_PORT, 10)
    outcome.check(len(shares) == 1 and not failures, f"by hash always the same one: {shares}")
    shares, failures = ask(lab, CHOICE_PORT, 5)
    outcome.check(shares == {"web2": 5} and not failures, f"by use_backend: {shares}")


def server_fails(lab: Lab, outcome: Outcome, name: str) -> None:
    outcome.step(f"{name} freezes while {HELD} connections are idle")
    held = lab.clients.held(WEB_PORT, HELD)
    nginx = lab.web_server(name)
    frozen = time.monotonic()
    send_signal(nginx.pids(), signal.SIGSTOP)
    try:
        lab.node("lb1").wait_server("web", name, "DOWN", DETECTION_S)
        ended = (lab.node("lb1").status() or {})["flows"]["ended"]
        outcome.check(ended >= HELD // 3, f"{ended} connections were ended")
        wait_until(f"{name}'s kernel has none of them", lambda: not sockets(lab, name), 5)
    finally:
        send_signal(nginx.pids(), signal.SIGCONT)
    records = held.stop()
    how = {
        server.name: measure.shares([r["how"] for r in records if r["server"] == server.name])
        for server in lab.web
    }
    expected = {
        server.name: {"reset" if server.name == name else "held": HELD // 3} for server in lab.web
    }
    outcome.check(how == expected, f"only those of {name} ended, by a reset: {how}")
    times = [record["at"] - frozen for record in records if record["how"] == "reset"]
    if times:
        outcome.figure(ended_after_ms=measure.milliseconds(max(times)))

    outcome.step(f"{name} comes back and starts slowly")
    lab.node("lb1").wait_server("web", name, "UP", DETECTION_S)
    shown = lab.node("lb1").servers("web")[name]
    outcome.check(shown.get("ramp_percent", 100) < 50, f"{shown.get('ramp_percent')} % of its share")
    shares, failures = ask(lab, WEB_PORT, 40)
    outcome.check(
        shares.get(name, 0) <= 6 and not failures, f"the others have nearly all: {shares}"
    )


def sockets(lab: Lab, name: str) -> str:
    """Connections to the web server that its kernel knows, other than of health checks, which end
    within half a second."""
    command = ["ss", "-Htn", "state", "established", f"sport = :{WEB_PORT}"]
    return lab.network.run(name, command).stdout.strip()


SCENARIO = Scenario(
    "balance",
    "limits, rules and hashing; a server fails and its connections end on both sides",
    run,
)
