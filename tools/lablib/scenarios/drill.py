"""The operator's other commands: a drill, maintenance that outlives carpoold, refusals that say why,
and all of it in the log with who did it."""

import random
import time

from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from ..process import wait_until
from ..appliance import CONTROL_PLANE
from .scenario import Scenario


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    lab.up(config)
    lb1, lb2 = lab.node("lb1"), lab.node("lb2")
    wait_until("both are in sync", lambda: lb1.mirror_state() == lb2.mirror_state() == "in sync", 10)
    talk = lab.clients.ping_pong(20, 200)
    time.sleep(1)

    outcome.step("a drill, typed on the master and on the backup")
    for node in (lb1, lb2):
        result = node.operate("drill", "public")
        outcome.check(
            result.returncode == 0
            and "lb1 -> lb2" in result.stdout
            and "lb2 -> lb1" in result.stdout,
            f"on {node.name}: {one_line(result)}",
        )
        outcome.check(
            (lb1.group_state(), lb2.group_state()) == ("MASTER", "BACKUP"), "it ends where it began"
        )

    outcome.step("maintenance of lb1, which lasts while its carpoold starts anew")
    result = lb1.operate("demote", "on")
    outcome.check(result.returncode == 0 and "in maintenance" in result.stdout, one_line(result))
    lb2.wait_group("MASTER", 2)
    lb1.kill(CONTROL_PLANE)
    lb1.start()
    wait_until("lb1 is BACKUP again", lambda: lb1.group_state() == "BACKUP", 15)
    time.sleep(3 + rng.random())
    outcome.check(
        lb2.group_state() == "MASTER" and "operator" in demotion_sources(lb1),
        f"lb2 is MASTER still, lb1 is demoted by {demotion_sources(lb1)}",
    )
    result = lb2.operate("switchover")
    outcome.check(
        result.returncode == 1 and "maintenance" in result.stderr,
        f"lb2 does not hand over to a node in maintenance: {one_line(result)}",
    )

    outcome.step("the end of it: lb1 takes its address back by itself")
    result = lb1.operate("demote", "off")
    outcome.check(result.returncode == 0, one_line(result))
    lb1.wait_group("MASTER", 10)
    lb2.wait_group("BACKUP", 2)

    outcome.step("refusals")
    result = lb1.operate("switchover", "nothing")
    outcome.check(
        result.returncode == 1 and "there are: public" in result.stderr, one_line(result)
    )
    lb2.kill()
    wait_until("lb1 misses its peer", lambda: lb1.mirror_state() == "alone", 5)
    result = lb1.operate("switchover")
    outcome.check(result.returncode == 1 and "peer" in result.stderr, one_line(result))
    outcome.check(lb1.group_state() == "MASTER", "lb1 keeps the group")

    lost = [c["lost"] for c in talk.stop() if c["lost"]]
    outcome.check(not lost, f"{len(lost)} of 20 connections lost")
    log = lb1.log.read_text()
    outcome.check(
        "control socket: root" in log and "PUT /api/v1/demote" in log, "the log says who did what"
    )
    outcome.figure(connections=20, lost=len(lost))


def one_line(result) -> str:
    return " | ".join((result.stdout + result.stderr).strip().splitlines())


def demotion_sources(node) -> list[str]:
    groups = (node.status() or {}).get("groups", [])
    return [source["source"] for source in groups[0]["demotion"]] if groups else []


SCENARIO = Scenario(
    "drill", "drills, maintenance that outlives carpoold, refusals that say why", run
)
