"""The master dies without a word, under load."""

import random
import time

from .. import measure
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from .scenario import Scenario

# The backup's master-down time at advbase 1, advskew 100, and what a takeover itself may take.
BACK_WITHIN_S = 3.4 + 0.5
ADVERT_SILENCE_S = 2.0
ARP_SILENCE_S = 0.2


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    lab.up(config)
    outcome.step(
        "load: wrk with new connections, a probe every 10 ms, everybody on the wire watched"
    )
    watch, asker, prober = (
        lab.clients.wire_watch(),
        lab.clients.arp_prober(),
        lab.clients.http_prober(),
    )
    load = lab.clients.wrk(15, 16, close=True)
    # Any moment between two adverts may be the moment of death.
    time.sleep(2 + rng.random())

    outcome.step("SIGKILL to every process of lb1")
    killed = time.monotonic()
    lab.node("lb1").kill()
    lab.node("lb2").wait_group("MASTER", BACK_WITHIN_S + 2)
    time.sleep(max(0.0, killed + BACK_WITHIN_S + 3 - time.monotonic()))

    attempts = prober.stop()
    asker.stop()
    claims = watch.stop()
    load.abandon()
    check_service(outcome, attempts, killed)
    check_owners(outcome, claims, killed)


def check_service(outcome: Outcome, attempts: list[dict], killed: float) -> None:
    before = [a for a in attempts if a["at"] < killed - 0.5]
    gap = measure.longest_gap(attempts)
    recovered = measure.recovered_after(attempts, killed)
    outcome.check(
        len(before) > 20 and not measure.errors(before),
        f"errors in {len(before)} connections before the kill: {measure.errors(before) or 'none'}",
    )
    outcome.check(
        recovered is not None and recovered <= BACK_WITHIN_S,
        f"new connections work again after {measure.milliseconds(recovered)} ms "
        f"(allowed: {BACK_WITHIN_S * 1000:.0f} ms)",
    )
    outcome.figure(
        gap_ms=measure.milliseconds(gap.end - gap.start),
        recovered_ms=measure.milliseconds(recovered),
        connections=len(attempts),
        failed=sum(measure.errors(attempts).values()),
    )


def check_owners(outcome: Outcome, claims: list[dict], killed: float) -> None:
    adverts, arp = measure.adverts(claims), measure.arp_claims(claims)
    outcome.check(
        measure.owners(adverts) == ["lb1", "lb2"], f"adverts came from {measure.owners(adverts)}"
    )
    outcome.check(
        measure.owners(arp) == ["lb1", "lb2"], f"ARP was answered by {measure.owners(arp)}"
    )
    both = max(measure.overlap(adverts, ADVERT_SILENCE_S), measure.overlap(arp, ARP_SILENCE_S))
    outcome.check(both == 0, "at no moment were there two owners")
    first = min((claim["at"] for claim in claims if claim["node"] == "lb2"), default=None)
    outcome.figure(takeover_ms=measure.milliseconds(first and first - killed))


SCENARIO = Scenario(
    "failover-kill", "the master's processes are killed under load; the backup takes over", run
)
