"""Planned switchovers there and back, typed on either node, under thousands of connections: none is
lost, and those that are busy hardly notice."""

import json
import random
import statistics
import time

from .. import measure
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from ..process import wait_until
from .scenario import Scenario

BUSY, BUSY_RATE_HZ = 50, 500
IDLE_PERIOD_S = 10  # every idle connection speaks so often
# A packet that was lost shows as a retransmission, which takes TCP 200 ms at least.
LOST_PACKET_S = 0.190
MEDIAN_GAP_S = 0.020


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    connections, rounds = (10_000, 10) if config.long else (1_000, 2)
    idle_count = connections - BUSY
    lab.up(config)
    lb1, lb2 = lab.node("lb1"), lab.node("lb2")
    outcome.step(f"{BUSY} busy and {idle_count} idle connections")
    busy = lab.clients.ping_pong(BUSY, BUSY_RATE_HZ)
    idle = lab.clients.ping_pong(idle_count, max(1, idle_count // IDLE_PERIOD_S))
    wait_until("lb2 knows the connections", lambda: lb2.flows() >= connections, 120)
    quiet_from = time.monotonic()
    time.sleep(2 + rng.random())
    quiet = (quiet_from, time.monotonic())

    outcome.step(f"{rounds} times there and back")
    resent = lab.clients.retransmissions("client")
    windows, took_ms = [], []
    for turn in range(2 * rounds):
        there = turn % 2 == 0
        target, source = (lb2, lb1) if there else (lb1, lb2)
        typed_on = rng.choice((lb1, lb2))
        began = time.monotonic()
        result = typed_on.operate("switchover", "--json")
        ended = time.monotonic()
        if not outcome.check(
            result.returncode == 0,
            f"{source.name} -> {target.name}, typed on {typed_on.name}: "
            f"{(result.stdout + result.stderr).strip() if result.returncode else 'done'}",
        ):
            break
        took_ms.append(json.loads(result.stdout)["moved"][0]["took_ms"])
        target.wait_group("MASTER", 2)
        source.wait_group("BACKUP", 2)
        # Longer than the new holder advertises: who would preempt has its chance.
        time.sleep(2 + rng.random())
        outcome.check(target.group_state() == "MASTER", f"{target.name} keeps the group")
        windows.append((began - 0.1, ended + 1.5))
    resent = lab.clients.retransmissions("client") - resent

    outcome.step("every idle connection has its turn")
    time.sleep(IDLE_PERIOD_S + 1)
    talks = {"busy": (busy.stop(), BUSY), "idle": (idle.stop(), idle_count)}
    for name, (talk, count) in talks.items():
        lost = [c["lost"] for c in talk if c["lost"]]
        silent = sum(not c["answers"] for c in talk)
        outcome.check(
            len(talk) == count and not lost and not silent,
            f"{len(lost)} of {count} {name} connections lost: {measure.shares(lost) or 'none'}",
        )
        outcome.figure(**{f"{name}_lost": len(lost)})
    gaps = [measure.longest_pause(talks["busy"][0], *window) for window in windows]
    if gaps:
        median, worst = statistics.median(gaps), max(gaps)
        outcome.check(
            median <= MEDIAN_GAP_S and worst < LOST_PACKET_S,
            f"the longest pause of a busy connection around a switchover: median "
            f"{median * 1000:.1f} ms, worst {worst * 1000:.1f} ms",
        )
        outcome.figure(
            gap_median_ms=measure.milliseconds(median), gap_worst_ms=measure.milliseconds(worst)
        )
    outcome.figure(
        connections=connections,
        switchovers=len(windows),
        quiet_worst_ms=measure.milliseconds(measure.longest_pause(talks["busy"][0], *quiet)),
        took_ms=[round(ms, 1) for ms in took_ms],
        client_retransmissions=resent,
    )


SCENARIO = Scenario(
    "switchover", "planned switchovers there and back lose no connection and hardly pause any", run
)
