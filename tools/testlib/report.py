"""What was run and how it went: one line per item, the log of each failure, the final count."""

import time
from dataclasses import dataclass, field

LOG_TAIL_LINES = 80


@dataclass
class Report:
    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def heading(self, text: str) -> None:
        print(f"\n== {text} ({time.monotonic() - self.started:.0f} s since start)", flush=True)

    def add(self, name: str, ok: bool, seconds: float, log: str = "", note: str = "") -> None:
        (self.passed if ok else self.failed).append(name)
        print(
            f"{'PASS' if ok else 'FAIL'}  {name}  {seconds:.1f} s{'  ' + note if note else ''}",
            flush=True,
        )
        if not ok:
            lines = log.rstrip().splitlines()
            if len(lines) > LOG_TAIL_LINES:
                print(f"    | ... {len(lines) - LOG_TAIL_LINES} lines before")
            print(*(f"    | {line}" for line in lines[-LOG_TAIL_LINES:]), sep="\n", flush=True)

    def finish(self) -> int:
        """Prints the summary and returns the exit status."""
        print(f"\nran for {time.monotonic() - self.started:.0f} s")
        print(
            *(f"failed: {name}" for name in self.failed), sep="\n", end="\n" if self.failed else ""
        )
        print(f"{len(self.passed)} passed, {len(self.failed)} failed", flush=True)
        return 1 if self.failed or not self.passed else 0
