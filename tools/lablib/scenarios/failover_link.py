"""The master's data port loses its cable, again and again, with fast hellos: the master says over
the peer link that it has let go, and the peer takes over at once."""

import random

from ..appliance import Appliance
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from ..topology import WAN
from . import failover_fast
from .scenario import Scenario


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    def pull(node: Appliance) -> None:
        lab.network.set_cable(node.name, WAN, plugged=False)

    def plug(node: Appliance) -> None:
        lab.network.set_cable(node.name, WAN, plugged=True)

    failover_fast.take_turns(lab, outcome, config, rng, "no more cable in the wan port of", pull, plug)


SCENARIO = Scenario(
    "failover-link", "with fast hellos: the master's port loses its link; connections live on", run
)
