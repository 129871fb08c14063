"""Established connections outlive their node: the master is killed, comes back, learns every
connection before it takes its address again, and is killed once more."""

import random
import time

from .. import measure
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from ..process import wait_until
from .scenario import Scenario

BUSY, BUSY_RATE_HZ = 50, 500
IDLE, IDLE_RATE_HZ = 250, 25  # each of them speaks every 10 s
TAKEOVER_S = 3.4 + 0.5
RETURN_S = 30


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    lab.up(config)
    lb1, lb2 = lab.node("lb1"), lab.node("lb2")
    outcome.step(f"{BUSY} busy and {IDLE} idle connections through lb1, mirrored to lb2")
    busy = lab.clients.ping_pong(BUSY, BUSY_RATE_HZ)
    idle = lab.clients.ping_pong(IDLE, IDLE_RATE_HZ)
    wait_until("lb2 knows the connections", lambda: lb2.flows() >= BUSY + IDLE, 15)
    time.sleep(1 + rng.random())

    outcome.step("SIGKILL to every process of lb1")
    lb1.kill()
    lb2.wait_group("MASTER", TAKEOVER_S + 1)
    time.sleep(2 + rng.random())

    outcome.step("lb1 comes back and preempts, but not before it knows the connections")
    lb1.start()
    mirrored_before = wait_in_sync_before_master(lab)
    outcome.check(mirrored_before, "lb1 was in sync before it was MASTER")
    lab.wait_settled()
    outcome.check(lb1.flows() >= BUSY + IDLE, f"lb1 has {lb1.flows()} connections")
    wait_until("lb2 is in sync", lambda: lb2.mirror_state() == "in sync", 10)
    time.sleep(1 + rng.random())

    outcome.step("SIGKILL to every process of lb1, again")
    lb1.kill()
    lb2.wait_group("MASTER", TAKEOVER_S + 1)
    # Every idle connection has its turn.
    time.sleep(IDLE / IDLE_RATE_HZ + 1)

    for name, talk, count in (("busy", busy, BUSY), ("idle", idle, IDLE)):
        connections = talk.stop()
        lost = [c["lost"] for c in connections if c["lost"]]
        answers = sum(c["answers"] for c in connections)
        longest = max(c["longest_answer"] for c in connections)
        outcome.check(
            len(connections) == count and not lost and all(c["answers"] for c in connections),
            f"{len(lost)} of {count} {name} connections lost: {measure.shares(lost) or 'none'}; "
            f"{answers} answers",
        )
        outcome.figure(
            **{
                f"{name}_connections": count,
                f"{name}_lost": len(lost),
                f"{name}_answers": answers,
                f"{name}_longest_answer_ms": measure.milliseconds(longest),
            }
        )


def wait_in_sync_before_master(lab: Lab) -> bool:
    """Polls the returning lb1 until it is MASTER; whether it had been in sync before."""
    seen_in_sync = False
    deadline = time.monotonic() + RETURN_S
    while time.monotonic() < deadline:
        status = lab.node("lb1").status() or {}
        groups = status.get("groups", [])
        if groups and groups[0]["state"].upper() == "MASTER":
            return seen_in_sync
        seen_in_sync |= status.get("mirror", {}).get("state") == "in sync"
        time.sleep(0.05)
    return False


SCENARIO = Scenario(
    "return-in-sync", "established connections outlive their node, its return, its second death", run
)
