"""What a scenario is."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome

Run = Callable[[Lab, Outcome, LabConfig, random.Random], None]


@dataclass(frozen=True)
class Scenario:
    name: str
    summary: str
    run: Run  # gets a lab that is down, and brings up what it needs
