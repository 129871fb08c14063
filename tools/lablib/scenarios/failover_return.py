"""The preferred node comes back and takes its address again, from a peer that is alive and well."""

import random
import time

from .. import measure
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from .scenario import Scenario

ADVERT_INTERVAL_S = 1.0
# The slower node adverts every 1.39 s.
ADVERT_SILENCE_S = 2.0
ARP_SILENCE_S = 0.2
RETURN_S = 20
# Handing over to a living peer is not an outage.
LONGEST_GAP_S = 1.0


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    lab.up(config)
    lb1, lb2 = lab.node("lb1"), lab.node("lb2")
    outcome.step("lb1 is killed; lb2 takes over")
    lb1.kill()
    lb2.wait_group("MASTER", 8)
    time.sleep(1 + rng.random())

    outcome.step("lb1 comes back, under load")
    watch, asker, prober = (
        lab.clients.wire_watch(),
        lab.clients.arp_prober(),
        lab.clients.http_prober(),
    )
    time.sleep(2)
    started = time.monotonic()
    lb1.start()
    both_masters_s = watch_states(lab, RETURN_S)
    outcome.check(
        lb1.group_state() == "MASTER" and lb2.group_state() == "BACKUP",
        f"lb1 is MASTER and lb2 is BACKUP {time.monotonic() - started:.1f} s after the start",
    )
    time.sleep(3)
    attempts = prober.stop()
    asker.stop()
    claims = watch.stop()

    adverts, arp = measure.adverts(claims), measure.arp_claims(claims)
    outcome.check(
        measure.owners(adverts)[:1] == ["lb2"] and measure.owners(adverts)[-1:] == ["lb1"],
        f"adverts came from {measure.owners(adverts)}",
    )
    overlap = measure.overlap(adverts, ADVERT_SILENCE_S)
    outcome.check(overlap <= ADVERT_INTERVAL_S, f"both advertised for {overlap * 1000:.0f} ms")
    arp_overlap = measure.overlap(arp, ARP_SILENCE_S)
    outcome.check(
        arp_overlap <= ADVERT_INTERVAL_S, f"both answered ARP for {arp_overlap * 1000:.0f} ms"
    )
    outcome.check(
        both_masters_s <= ADVERT_INTERVAL_S,
        f"both called themselves MASTER for {both_masters_s * 1000:.0f} ms",
    )
    gap = measure.longest_gap(attempts)
    outcome.check(
        len(attempts) > 50 and gap.end - gap.start <= LONGEST_GAP_S,
        f"the longest gap for new connections was {(gap.end - gap.start) * 1000:.0f} ms; "
        f"errors: {measure.errors(attempts) or 'none'} of {len(attempts)}",
    )
    outcome.figure(
        overlap_ms=measure.milliseconds(overlap),
        arp_overlap_ms=measure.milliseconds(arp_overlap),
        gap_ms=measure.milliseconds(gap.end - gap.start),
        connections=len(attempts),
        failed=sum(measure.errors(attempts).values()),
    )


def watch_states(lab: Lab, deadline_s: float) -> float:
    """Polls both nodes until lb1 is MASTER alone; returns for how long both said that they are."""
    both_since, longest = None, 0.0
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        at = time.monotonic()
        states = [lab.node(name).group_state() for name in ("lb1", "lb2")]
        if states == ["MASTER", "MASTER"]:
            both_since = both_since or at
            longest = max(longest, time.monotonic() - both_since)
        else:
            both_since = None
        if states == ["MASTER", "BACKUP"]:
            break
        time.sleep(0.1)
    return longest


SCENARIO = Scenario(
    "failover-return", "the preferred node comes back and preempts, never two masters", run
)
