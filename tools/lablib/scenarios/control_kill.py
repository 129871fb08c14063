"""The control plane dies alone: a short absence costs no packet, a long one hands the address
over."""

import random
import time

from .. import measure
from ..appliance import CONTROL_PLANE, DATA_PLANE
from ..config import LabConfig
from ..lab import Lab
from ..load import CLIENT
from ..outcome import Outcome
from .scenario import Scenario

SHORT_ABSENCE_S = 1.0
# carpool's default.
FENCE_S = 1.5
TAKEOVER_S = 3.4 + 0.5
# Well below a first retransmission (200 ms), well above what two busy cores do to a sleeping
# process.
LONGEST_ANSWER_S = 0.150
ADVERT_SILENCE_S = 2.0
ARP_SILENCE_S = 0.2


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    lab.up(config)
    short_absence(lab, outcome)
    long_absence(lab, outcome, rng.random())


def retransmissions(lab: Lab) -> int:
    return sum(
        map(lab.clients.retransmissions, [CLIENT.name, *(server.name for server in lab.web)])
    )


def short_absence(lab: Lab, outcome: Outcome) -> None:
    lb1 = lab.node("lb1")
    outcome.step("1000 requests a second on 4 established connections")
    watch, asker, talk = (
        lab.clients.wire_watch(),
        lab.clients.arp_prober(),
        lab.clients.ping_pong(4, 1000),
    )
    time.sleep(2)
    resent, data_plane = retransmissions(lab), lb1.pids(DATA_PLANE)

    outcome.step(f"kill -9 of lb1's carpoold; it is back after {SHORT_ABSENCE_S:.0f} s")
    lb1.kill(CONTROL_PLANE)
    time.sleep(SHORT_ABSENCE_S)
    lb1.start()
    lb1.wait_group("MASTER")
    time.sleep(FENCE_S + 2)

    resent = retransmissions(lab) - resent
    connections = talk.stop()
    asker.stop()
    claims = watch.stop()
    answers = sum(c["answers"] for c in connections)
    longest = max(c["longest_answer"] for c in connections)
    lost = [c["lost"] for c in connections if c["lost"]]
    outcome.check(lb1.pids(DATA_PLANE) == data_plane, "the data plane kept running")
    outcome.check(
        not lost and answers > 1000, f"{answers} answers, connections lost: {lost or 'none'}"
    )
    outcome.check(resent == 0, f"TCP sent {resent} segments again")
    outcome.check(longest <= LONGEST_ANSWER_S, f"the longest answer took {longest * 1000:.1f} ms")
    outcome.check(
        measure.owners(claims) == ["lb1"],
        f"the address stayed where it was: {measure.owners(claims)}",
    )
    outcome.figure(
        answers=answers, retransmissions=resent, longest_answer_ms=measure.milliseconds(longest)
    )


def long_absence(lab: Lab, outcome: Outcome, delay_s: float) -> None:
    lb1, lb2 = lab.node("lb1"), lab.node("lb2")
    outcome.step(f"kill -9 of lb1's carpoold, for longer than the fence time of {FENCE_S} s")
    watch, asker, prober = (
        lab.clients.wire_watch(),
        lab.clients.arp_prober(),
        lab.clients.http_prober(),
    )
    # The peer's patience starts with the last advert, the fence with the death: any moment between
    # two adverts has to do.
    time.sleep(1 + delay_s)
    killed = time.monotonic()
    lb1.kill(CONTROL_PLANE)
    lb2.wait_group("MASTER", TAKEOVER_S + 2)
    time.sleep(3)
    attempts = prober.stop()
    asker.stop()
    claims = watch.stop()

    arp = measure.arp_claims(claims)
    last_answer = max((c["at"] for c in arp if c["node"] == "lb1"), default=killed)
    outcome.check(
        last_answer - killed <= FENCE_S + 0.5,
        f"lb1 answered ARP for {last_answer - killed:.2f} s more",
    )
    outcome.check(
        measure.owners(arp) == ["lb1", "lb2"], f"ARP was answered by {measure.owners(arp)}"
    )
    both = max(
        measure.overlap(arp, ARP_SILENCE_S),
        measure.overlap(measure.adverts(claims), ADVERT_SILENCE_S),
    )
    outcome.check(both == 0, "at no moment were there two owners")
    recovered = measure.recovered_after(attempts, killed)
    outcome.check(
        recovered is not None and recovered <= TAKEOVER_S,
        f"new connections work for good after {measure.milliseconds(recovered)} ms",
    )
    gap = measure.longest_gap(attempts)
    outcome.figure(
        fenced_ms=measure.milliseconds(last_answer - killed),
        gap_ms=measure.milliseconds(gap.end - gap.start),
        recovered_ms=measure.milliseconds(recovered),
    )

    outcome.step("lb1's carpoold starts again, finds its data plane running, and preempts")
    lb1.start()
    lab.wait_settled()
    outcome.check(True, "lb1 is MASTER, lb2 is BACKUP")


SCENARIO = Scenario(
    "control-kill", "the control plane dies: for a moment, and for longer than the fence", run
)
