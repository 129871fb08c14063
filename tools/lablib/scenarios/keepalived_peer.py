"""Debian's keepalived as the other node, for each flavour of VRRP. Whoever did not accept the
other's adverts would become active beside it, so peace for longer than a master-down time proves
acceptance."""

import random
import time
from dataclasses import dataclass, replace

from .. import measure
from ..config import LabConfig, Vrrp
from ..keepalived import Keepalived
from ..lab import Lab
from ..outcome import Outcome
from ..process import wait_until
from ..topology import APPLIANCES
from .scenario import Scenario

HIGH, LOW = 200, 100
# Beyond what the protocol takes: keepalived's timers, ours, and two busy cores.
SLACK_S = 0.4
# Killing takes time, too, and what runs after it tells us late.
KILL_SLACK_S = 1.0
# A started appliance first hears whether there is somebody, then preempts.
START_S = 25


@dataclass(frozen=True)
class Flavour:
    name: str
    vrrp: Vrrp
    moves: int  # back and forth

    @property
    def interval_s(self) -> float:
        return self.vrrp.interval_ms / 1000

    @property
    def skew_s(self) -> float:
        """Of the less preferred node: how long it waits after a farewell."""
        return (256 - LOW) / 256 * self.interval_s

    @property
    def master_down_s(self) -> float:
        return 3 * self.interval_s + self.skew_s

    def with_lb1(self, priority: int) -> Vrrp:
        return replace(self.vrrp, priority={"lb1": priority, "lb2": HIGH + LOW - priority})


FLAVOURS = (
    Flavour("v2", Vrrp(version=2), 2),
    Flavour("v2_pass", Vrrp(version=2, password="secret"), 2),
    Flavour("v3_100ms", Vrrp(interval_ms=100), 10),
    Flavour("v3_unicast", Vrrp(interval_ms=100, unicast=True), 4),
)


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    lab.up_network()
    keepalived = Keepalived(lab.network, APPLIANCES[1], lab.dir)
    lab.witnesses.append(keepalived)
    web = lab.web[0]
    web.prepare()
    web.start()
    web.wait_ready()
    config = replace(config, web_servers=config.web_servers[:1], db_servers=config.db_servers[:1])
    for flavour in FLAVOURS:
        keepalived_as_backup(lab, outcome, config, keepalived, flavour)
        keepalived_as_master(lab, outcome, config, keepalived, flavour)


def keepalived_as_backup(
    lab: Lab, outcome: Outcome, config: LabConfig, keepalived: Keepalived, flavour: Flavour
) -> None:
    lb1 = lab.node("lb1")
    vrrp = flavour.with_lb1(HIGH)
    outcome.step(f"{flavour.name}: carpool on lb1 preferred, keepalived on lb2 as backup")
    lab.up_nodes(replace(config, vrrp=vrrp), ["lb1"])
    lb1.wait_group("ACTIVE", START_S)
    wait_until("the virtual address answers", lab.clients.get, 10)
    keepalived.start(vrrp, LOW)
    wait_until("keepalived has begun", keepalived.state, 10)
    check_peace(lab, outcome, flavour, "lb1", "keepalived accepts our adverts")

    outcome.step(f"{flavour.name}: lb1 leaves, and keepalived takes over at once")
    watch = lab.clients.wire_watch()
    lb1.stop()
    wait_until("keepalived is MASTER", lambda: keepalived.state() == "MASTER", 10)
    # The advert and the script are two things: the script may be the first.
    time.sleep(flavour.interval_s)
    gap = measure.handover(watch.stop())
    outcome.check(
        gap is not None and gap <= flavour.skew_s + SLACK_S,
        f"keepalived advertised {measure.milliseconds(gap)} ms after our farewell; its skew is "
        f"{flavour.skew_s * 1000:.0f} ms",
    )
    outcome.figure(**{f"{flavour.name}_keepalived_handover_ms": measure.milliseconds(gap)})

    outcome.step(f"{flavour.name}: lb1 comes back and preempts; then it is killed")
    lb1.start()
    lb1.wait_group("ACTIVE", START_S)
    wait_until("keepalived is BACKUP", lambda: keepalived.state() == "BACKUP", 5)
    killed = time.monotonic()
    lb1.kill()
    wait_until(
        "keepalived is MASTER",
        lambda: keepalived.state() == "MASTER",
        flavour.master_down_s + 5,
        interval_s=0.005,
    )
    took = time.monotonic() - killed
    outcome.check(
        took <= flavour.master_down_s + KILL_SLACK_S,
        f"keepalived took over {took * 1000:.0f} ms after the kill; its master-down time is "
        f"{flavour.master_down_s * 1000:.0f} ms",
    )
    outcome.figure(**{f"{flavour.name}_keepalived_takeover_ms": measure.milliseconds(took)})
    keepalived.stop()


def keepalived_as_master(
    lab: Lab, outcome: Outcome, config: LabConfig, keepalived: Keepalived, flavour: Flavour
) -> None:
    lb1 = lab.node("lb1")
    vrrp = flavour.with_lb1(LOW)
    outcome.step(f"{flavour.name}: keepalived on lb2 preferred, carpool on lb1 as backup")
    lab.up_nodes(replace(config, vrrp=vrrp), ["lb1"])
    lb1.wait_group("ACTIVE", START_S)
    keepalived.start(vrrp, HIGH)
    wait_until("keepalived is MASTER", lambda: keepalived.state() == "MASTER", 10)
    lb1.wait_group("BACKUP", 5)
    check_peace(lab, outcome, flavour, "lb2", "we accept keepalived's adverts")

    outcome.step(f"{flavour.name}: {flavour.moves} times to lb1 and back")
    watch = lab.clients.wire_watch()
    prober = lab.clients.arp_prober()
    served = move_back_and_forth(lab, keepalived, vrrp, flavour.moves)
    prober.stop()
    claims = watch.stop()
    gap = measure.handover(claims)
    outcome.check(
        gap is not None and gap <= flavour.skew_s + SLACK_S,
        f"we advertised {measure.milliseconds(gap)} ms after keepalived's farewell; our skew is "
        f"{flavour.skew_s * 1000:.0f} ms",
    )
    silence = measure.longest_silence(measure.arp_claims(claims))
    outcome.check(
        silence <= flavour.skew_s + SLACK_S,
        f"the address was never silent for longer than {silence * 1000:.0f} ms",
    )
    outcome.check(
        served == flavour.moves,
        f"web1 answered through lb1 after {served} of {flavour.moves} takeovers",
    )
    outcome.figure(
        **{
            f"{flavour.name}_handover_ms": measure.milliseconds(gap),
            f"{flavour.name}_silence_ms": measure.milliseconds(silence),
        }
    )

    outcome.step(f"{flavour.name}: keepalived is killed")
    killed = time.monotonic()
    keepalived.kill()
    lb1.wait_group("ACTIVE", flavour.master_down_s + 5)
    took = time.monotonic() - killed
    outcome.check(
        took <= flavour.master_down_s + KILL_SLACK_S,
        f"lb1 took over {took * 1000:.0f} ms after the kill; its master-down time is "
        f"{flavour.master_down_s * 1000:.0f} ms",
    )
    outcome.figure(**{f"{flavour.name}_takeover_ms": measure.milliseconds(took)})
    lb1.stop()


def check_peace(lab: Lab, outcome: Outcome, flavour: Flavour, owner: str, claim: str) -> None:
    """Nobody but `owner` advertises for longer than anybody's patience with a router that it does
    not hear, or does not believe."""
    watch = lab.clients.wire_watch()
    peace_s = flavour.master_down_s + 2 * flavour.interval_s
    time.sleep(peace_s)
    owners = measure.owners(measure.adverts(watch.stop()))
    outcome.check(
        owners == [owner], f"{claim}: {peace_s:.1f} s of peace, adverts from {owners}"
    )


def move_back_and_forth(lab: Lab, keepalived: Keepalived, vrrp: Vrrp, moves: int) -> int:
    """How often the service answered while lb1 had the address."""
    lb1 = lab.node("lb1")
    served = 0
    for _ in range(moves):
        keepalived.stop()
        lb1.wait_group("ACTIVE", 10)
        served += lab.clients.get() == "web1"
        keepalived.start(vrrp, HIGH)
        wait_until("keepalived is MASTER", lambda: keepalived.state() == "MASTER", 15)
        lb1.wait_group("BACKUP", 5)
    return served


SCENARIO = Scenario(
    "keepalived-peer", "Debian's keepalived as the other node, in VRRP 2 and 3, both ways", run
)
