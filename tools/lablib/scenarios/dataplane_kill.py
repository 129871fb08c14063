"""The data plane dies alone: its control plane restarts it, and the address moves away and back
meanwhile."""

import random
import time

from .. import measure
from ..appliance import CONTROL_PLANE, DATA_PLANE
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from ..process import wait_until
from .scenario import Scenario

RESTART_S = 10
TAKEOVER_S = 3.4 + 0.5
WATCH_S = 12
ADVERT_SILENCE_S = 2.0
ADVERT_INTERVAL_S = 1.0


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    lab.up(config)
    lb1 = lab.node("lb1")
    watch, prober = lab.clients.wire_watch(), lab.clients.http_prober()
    control_plane = lb1.pids(CONTROL_PLANE)
    time.sleep(1 + rng.random())

    outcome.step("kill -9 of lb1's carpool-dp")
    killed = time.monotonic()
    lb1.kill(DATA_PLANE)
    wait_until("carpool-dp runs again", lambda: lb1.pids(DATA_PLANE), RESTART_S, 0.01)
    outcome.figure(restart_ms=measure.milliseconds(time.monotonic() - killed))
    generations = watch_generations(lambda: lb1.pids(DATA_PLANE), killed + WATCH_S)
    lab.wait_settled()

    attempts = prober.stop()
    seen = watch.stop()
    claims = measure.adverts(seen)
    outcome.check(lb1.pids(CONTROL_PLANE) == control_plane, "the control plane kept running")
    outcome.check(generations == 1, f"carpool-dp was started {generations} time(s): no crash loop")
    outcome.check(
        measure.owners(claims) == ["lb1", "lb2", "lb1"],
        f"the address moved to the peer and came back: {measure.owners(claims)}",
    )
    both = measure.overlap([*claims, *measure.farewells(seen)], ADVERT_SILENCE_S)
    outcome.check(both <= ADVERT_INTERVAL_S, f"both advertised for {both * 1000:.0f} ms")
    gap = measure.longest_gap(attempts)
    outcome.check(
        gap.end - gap.start <= TAKEOVER_S,
        f"the longest gap for new connections was {(gap.end - gap.start) * 1000:.0f} ms",
    )
    outcome.figure(
        gap_ms=measure.milliseconds(gap.end - gap.start),
        connections=len(attempts),
        failed=sum(measure.errors(attempts).values()),
    )


def watch_generations(pids, until: float) -> int:
    """How many different processes ran until a moment."""
    seen: set[int] = set()
    while time.monotonic() < until:
        seen.update(pids())
        time.sleep(0.02)
    return len(seen)


SCENARIO = Scenario(
    "dataplane-kill", "the data plane dies and is restarted; the address moves and returns", run
)
