"""All scenarios, in the order in which `tools/lab list` and the tests take them."""

from . import basic, failover_kill, failover_return
from .scenario import Scenario

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in (
    basic.SCENARIO,
    failover_kill.SCENARIO,
    failover_return.SCENARIO,
)}
