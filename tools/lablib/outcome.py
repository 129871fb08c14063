"""How a scenario went: what it found wrong, and the figures of its last line."""

import json
from typing import Any

from .process import say


class ScenarioFailed(Exception):
    """Nothing that follows would make sense."""


class Outcome:
    def __init__(self, scenario: str):
        self.scenario = scenario
        self.figures: dict[str, Any] = {}
        self.problems: list[str] = []

    def step(self, text: str) -> None:
        say(f"-- {text}")

    def check(self, holds: bool, claim: str) -> bool:
        """Notes whether a claim holds; the scenario goes on either way."""
        say(f"   {'ok' if holds else 'WRONG'}: {claim}")
        if not holds:
            self.problems.append(claim)
        return holds

    def require(self, holds: bool, claim: str) -> None:
        if not self.check(holds, claim):
            raise ScenarioFailed(claim)

    def figure(self, **figures: Any) -> None:
        self.figures.update(figures)

    def fail(self, problem: str) -> None:
        self.problems.append(problem)

    @property
    def ok(self) -> bool:
        return not self.problems

    def json_line(self) -> str:
        line = {"scenario": self.scenario, "ok": self.ok, **self.figures}
        if self.problems:
            line["problems"] = self.problems
        return json.dumps(line)
