"""The data link between the nodes is cut, the peer link is not: both become master, know it and say
so; once it is whole again exactly one stays, and announces itself at once."""

import random
import time
from dataclasses import replace

from .. import measure
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from ..process import wait_until
from ..topology import WAN
from .scenario import Scenario

HELLO = "10ms count 5"
TAKEOVER_S = 3.4 + 1
SAID_WITHIN_S = 3
# The next advert of either is the end of it.
HEALED_S = 1.4 + 1
ADVERT_SILENCE_S = 2.0


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    lab.up(replace(config, fast_hello=HELLO))
    lb1, lb2 = lab.node("lb1"), lab.node("lb2")
    for node in (lb1, lb2):
        wait_until(f"{node.name} hears hellos", lambda n=node: n.hello_state() == "up", 10)

    outcome.step("lb2's wan port is taken out of the switch")
    lab.network.set_member(lb2.name, WAN, False)
    wait_until("lb2 misses hellos", lambda: lb2.hello_state() == "one link", 5)
    outcome.check(lb2.group_state() == "BACKUP", "one lost link is told, and not acted upon")
    lb2.wait_group("MASTER", TAKEOVER_S)
    for node in (lb1, lb2):
        wait_until(f"{node.name} says so", lambda n=node: says_split(n.problems()), SAID_WITHIN_S)
        outcome.check("split brain" in node.log.read_text(), f"{node.name} has logged it")
    outcome.check(lb1.group_state() == "MASTER", "lb1 is still MASTER: nobody gave way")

    outcome.step("and put back")
    watch = lab.clients.wire_watch()
    healed = time.monotonic()
    lab.network.set_member(lb2.name, WAN, True)
    lb2.wait_group("BACKUP", HEALED_S)
    lab.wait_settled()
    for node in (lb1, lb2):
        wait_until(
            f"{node.name} says nothing of it", lambda n=node: not says_split(n.problems()), 3
        )
        wait_until(f"{node.name} hears hellos", lambda n=node: n.hello_state() == "up", 5)
    time.sleep(2)
    claims = [claim for claim in watch.stop() if claim["at"] >= healed]
    adverts, arp = measure.adverts(claims), measure.arp_claims(claims)
    outcome.check(measure.owners(adverts)[-1:] == ["lb1"], "lb1 alone advertises now")
    last = max((claim["at"] for claim in adverts if claim["node"] == "lb2"), default=healed)
    outcome.check(last - healed <= HEALED_S, f"lb2 gave way after {(last - healed) * 1000:.0f} ms")
    again = [claim["at"] for claim in arp if claim["node"] == "lb1" and claim["at"] >= healed]
    outcome.check(
        bool(again) and again[0] - last <= 0.5, "lb1 announced itself again when it heard the other"
    )
    outcome.figure(
        healed_ms=measure.milliseconds(last - healed),
        announced_ms=measure.milliseconds(again[0] - healed) if again else None,
    )


def says_split(problems: list[str]) -> bool:
    return any("split brain" in problem for problem in problems)


SCENARIO = Scenario(
    "split-brain", "the data link is cut, the peer link is not: both know; then exactly one stays", run
)
