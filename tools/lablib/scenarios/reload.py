"""A changed configuration under load: only what changed changes, and a broken one changes
nothing."""

import random
import time
from dataclasses import replace

from .. import measure
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from ..process import wait_until
from .scenario import Scenario

APPLY_S = 4.0
OBSERVE_S = 2.0
# More connections than servers, so that each server has some when it is removed.
CONNECTIONS = 6


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    lab.up(config)
    outcome.step(f"{CONNECTIONS} established connections, and a new one every 10 ms")
    talk, prober = lab.clients.ping_pong(CONNECTIONS, 300), lab.clients.http_prober()
    time.sleep(1)

    outcome.step("web3 is taken out of the configuration")
    without = config.without_web_server("web3")
    apply(lab, without)
    wait_until(
        "no node lists web3",
        lambda: all("web3" not in node.server_states("web") for node in lab.nodes),
        APPLY_S,
    )
    two_servers = observe()

    outcome.step("web3 comes back, with twice the weight of the others")
    line = config.web_servers[-1]
    weighted = without.with_web_server(replace(line, options=f"{line.options} weight 2"))
    apply(lab, weighted)
    for node in lab.nodes:
        node.wait_server("web", "web3", "UP", APPLY_S)
    three_servers = observe()

    broken_reload(lab, outcome, weighted)

    attempts, connections = prober.stop(), talk.stop()
    check_shares(outcome, attempts, two_servers, three_servers)
    check_established(outcome, attempts, connections)


def observe() -> measure.Interval:
    """A while in which nothing changes: what the probe met in it is looked at later."""
    start = time.monotonic()
    time.sleep(OBSERVE_S)
    return measure.Interval(start, time.monotonic())


def shares_in(attempts: list[dict], window: measure.Interval) -> dict[str, int]:
    inside = [a for a in attempts if window.start <= a["at"] < window.end]
    return measure.shares([attempt["server"] for attempt in measure.successes(inside)])


def check_shares(
    outcome: Outcome, attempts: list[dict], two: measure.Interval, three: measure.Interval
) -> None:
    taken = shares_in(attempts, two)
    outcome.check(set(taken) == {"web1", "web2"}, f"without web3, new connections went to {taken}")
    taken = shares_in(attempts, three)
    parts = {server: count / sum(taken.values()) for server, count in taken.items()}
    expected = {"web1": 0.25, "web2": 0.25, "web3": 0.5}
    outcome.check(
        all(abs(parts.get(server, 0) - part) < 0.05 for server, part in expected.items()),
        f"with web3 at twice the weight, they went to {taken}",
    )
    outcome.figure(weighted_shares=taken)


def check_established(outcome: Outcome, attempts: list[dict], connections: list[dict]) -> None:
    lost = [c["lost"] for c in connections if c["lost"]]
    outcome.check(
        not measure.errors(attempts),
        f"errors in {len(attempts)} new connections: {measure.errors(attempts) or 'none'}",
    )
    held = measure.shares([c["server"] for c in connections])
    outcome.check(
        not lost and "web3" in held,
        f"established connections, also those to web3, stayed: {held}, lost: {lost or 'none'}",
    )
    outcome.figure(
        connections=len(attempts),
        answers=sum(c["answers"] for c in connections),
        longest_answer_ms=measure.milliseconds(max(c["longest_answer"] for c in connections)),
    )


def apply(lab: Lab, config: LabConfig) -> None:
    for node in lab.nodes:
        node.write_config(config)
        node.reload()


def broken_reload(lab: Lab, outcome: Outcome, running: LabConfig) -> None:
    outcome.step("a broken configuration is refused")
    node = lab.node("lb1")
    broken = running.text().replace("balance roundrobin", "balance sideways")
    line = broken.splitlines().index("    balance sideways") + 1
    before, pids = node.server_states("web"), node.pids()
    node.write_config_text(broken)
    node.reload()
    complaint = f"{node.config_file.name}:{line}"
    wait_until(f"the log names {complaint}", lambda: complaint in node.log.read_text(), APPLY_S)
    outcome.check(True, f"the log names the place: {complaint}")
    time.sleep(1)
    outcome.check(
        node.pids() == pids
        and node.server_states("web") == before
        and node.group_state() == "MASTER",
        "the running configuration stays as it was",
    )
    node.write_config(running)
    node.reload()


SCENARIO = Scenario(
    "reload", "servers removed, added and weighted under load; a broken file is refused", run
)
