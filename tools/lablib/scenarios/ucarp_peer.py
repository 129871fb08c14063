"""Debian's ucarp as the other node. Whoever did not accept the other's digest would become master
beside it, so peace for longer than a master-down time proves acceptance."""

import random
import time
from dataclasses import replace

from .. import measure
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from ..process import wait_until
from ..topology import APPLIANCES
from ..ucarp import Ucarp
from .scenario import Scenario

# ucarp gives a master up after three times its own interval, and looks at the clock once in a
# while.
UCARP_TAKEOVER_S = 3 * (1 + 100 / 256) + 1.0
CARPOOL_TAKEOVER_S = 3.4 + 0.5
# Longer than either's patience with a master that it does not hear, or does not believe.
PEACE_S = 6.0
PREEMPT_S = 10.0
ADVERT_SILENCE_S = 2.0
ADVERT_INTERVAL_S = 1.0


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    lab.up_network()
    ucarp = Ucarp(lab.network, APPLIANCES[1], lab.dir)
    lab.witnesses.append(ucarp)
    # ucarp advertises the one address that its digest covers, as our group does; servers play no
    # part here.
    config = replace(config, web_servers=config.web_servers[:1], db_servers=config.db_servers[:1])
    ucarp_as_backup(lab, outcome, config, ucarp)
    ucarp_as_master(lab, outcome, config, ucarp)


def ucarp_as_backup(lab: Lab, outcome: Outcome, config: LabConfig, ucarp: Ucarp) -> None:
    lb1 = lab.node("lb1")
    outcome.step("carpool on lb1 (advskew 0) as master, ucarp on lb2 (advskew 100) as backup")
    watch = lab.clients.wire_watch()
    lab.up_nodes(config, ["lb1"])
    lb1.wait_group("MASTER")
    ucarp.start(advskew=100)
    time.sleep(PEACE_S)
    claims = measure.adverts(watch.stop())
    outcome.check(
        ucarp.state() == "BACKUP" and measure.owners(claims) == ["lb1"],
        f"ucarp accepts our adverts: it stayed BACKUP for {PEACE_S:.0f} s, adverts from "
        f"{measure.owners(claims)}",
    )

    outcome.step("lb1 is killed")
    killed = time.monotonic()
    lb1.kill()
    wait_until("ucarp is MASTER", lambda: ucarp.state() == "MASTER", UCARP_TAKEOVER_S)
    outcome.figure(ucarp_takeover_ms=measure.milliseconds(time.monotonic() - killed))
    outcome.check(True, "ucarp took over")

    outcome.step("lb1 comes back and preempts the slower ucarp")
    watch = lab.clients.wire_watch()
    lb1.start()
    lb1.wait_group("MASTER", PREEMPT_S)
    wait_until("ucarp is BACKUP", lambda: ucarp.state() == "BACKUP", 5)
    time.sleep(PEACE_S / 2)
    claims = measure.adverts(watch.stop())
    both = measure.overlap(claims, ADVERT_SILENCE_S)
    outcome.check(
        ucarp.state() == "BACKUP" and lb1.group_state() == "MASTER",
        "ucarp gave way to lb1 and stays BACKUP",
    )
    # What ucarp makes of our advert is its own affair, but it may not take longer than its next
    # advert.
    outcome.check(both <= ADVERT_INTERVAL_S * 1.4, f"both advertised for {both * 1000:.0f} ms")
    outcome.figure(overlap_ms=measure.milliseconds(both))
    ucarp.stop()
    lb1.stop()


def ucarp_as_master(lab: Lab, outcome: Outcome, config: LabConfig, ucarp: Ucarp) -> None:
    lb1 = lab.node("lb1")
    outcome.step("ucarp on lb2 (advskew 0) as master, carpool on lb1 (advskew 100) as backup")
    ucarp.start(advskew=0)
    wait_until("ucarp is MASTER", lambda: ucarp.state() == "MASTER", 10)
    watch = lab.clients.wire_watch()
    lab.up_nodes(replace(config, advskew={"lb1": 100, "lb2": 0}), ["lb1"])
    lb1.wait_group("BACKUP")
    time.sleep(PEACE_S)
    claims = measure.adverts(watch.stop())
    outcome.check(
        lb1.group_state() == "BACKUP" and measure.owners(claims) == ["lb2"],
        f"we accept ucarp's adverts: lb1 stayed BACKUP for {PEACE_S:.0f} s, adverts from "
        f"{measure.owners(claims)}",
    )

    outcome.step("ucarp is killed")
    killed = time.monotonic()
    ucarp.kill()
    lb1.wait_group("MASTER", CARPOOL_TAKEOVER_S)
    outcome.figure(takeover_ms=measure.milliseconds(time.monotonic() - killed))
    outcome.check(True, "lb1 took over")

    outcome.step("ucarp comes back and preempts the slower lb1")
    ucarp.start(advskew=0)
    wait_until("ucarp is MASTER", lambda: ucarp.state() == "MASTER", PREEMPT_S)
    lb1.wait_group("BACKUP", 5)
    outcome.check(True, "lb1 gave way to ucarp")


SCENARIO = Scenario("ucarp-peer", "Debian's ucarp as the other node, as master and as backup", run)
