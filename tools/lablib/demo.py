"""The tour of tools/demo: traffic, the master's death and its return, with the status of both nodes
beside it."""

import json
import shutil
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from . import measure
from .appliance import Appliance
from .cli import catch_interrupts, ignore_interrupts, report_nodes
from .config import LabConfig
from .lab import Lab
from .load import Probe
from .process import LabError, extend_search_path, say

PROBE_INTERVAL_S = 0.020
REFRESH_S = 0.5
STRIP_TICK_S = 0.25
CALM_S = 8
# Long enough for a takeover at advbase 1 and a look at it; for a start, a preemption and a look.
ALONE_S = 12
RETURNED_S = 12

WHAT_NEXT = """\
The lab is still up. Try:
  sudo tools/lab exec client curl -s 192.0.2.10                 repeat: another server answers
  sudo tools/lab exec client mariadb -h192.0.2.10 -ulab -plab -e 'SELECT @@report_host'
  sudo tools/lab exec sw tcpdump -ni lb1-wan proto 112          the adverts of the master
  sudo build/tools/carpool status --run-dir {run_dir}/lb1
  sudo tools/lab run failover-kill                              the same with figures
  sudo tools/lab down                                           and it is gone without a trace"""


@dataclass
class Traffic:
    """A client that opens a new connection every 20 ms, and what became of each."""

    attempts: deque[dict] = field(default_factory=deque)

    def follow(self, probe: Probe) -> None:
        for line in probe.process.stdout:
            self.attempts.append(json.loads(line))

    def since(self, start: float) -> list[dict]:
        return sorted((a for a in list(self.attempts) if a["at"] >= start), key=lambda a: a["at"])

    def strip(self, now: float, width: int) -> str:
        """The recent past, a character for each quarter of a second: all went well, some failed,
        none went well."""
        ticks: list[list[bool]] = [[] for _ in range(width)]
        # The newest attempts may still be under way.
        newest = now - 0.6
        for attempt in list(self.attempts):
            tick = width - 1 - int((newest - attempt["at"]) / STRIP_TICK_S)
            if attempt["at"] <= newest and tick >= 0:
                ticks[tick].append(attempt["ok"])
        return "".join(
            " " if not tick else "#" if all(tick) else "-" if any(tick) else "." for tick in ticks
        )


class Demo:
    def __init__(self, lab: Lab):
        self.lab, self.traffic = lab, Traffic()
        self.terminal = sys.stdout.isatty()
        self.last_plain = 0.0

    def run(self) -> None:
        probe = self.lab.clients.http_prober(PROBE_INTERVAL_S, live=True)
        threading.Thread(target=self.traffic.follow, args=(probe,), daemon=True).start()
        lb1 = self.lab.node("lb1")
        self.show("Both nodes are up. A client opens a new connection every 20 ms.", CALM_S)
        killed = time.monotonic()
        lb1.kill()
        self.show(
            "lb1, the master, has been killed with SIGKILL: no good-bye. lb2 must notice.", ALONE_S
        )
        away = self.gap_since(killed)
        started = time.monotonic()
        lb1.start()
        self.show(
            "lb1 is started again. It is the preferred node, so it takes the address back.",
            RETURNED_S,
        )
        back = self.gap_since(started)
        probe.stop()
        say(
            f"\nNew connections: the kill cost them {away * 1000:.0f} ms, "
            f"the return {back * 1000:.0f} ms."
        )

    def gap_since(self, moment: float) -> float:
        """The longest time without a successful new connection since shortly before the moment."""
        gap = measure.longest_gap(self.traffic.since(moment - 0.2))
        return gap.end - gap.start

    def show(self, headline: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        if not self.terminal:
            say(f"\n## {headline}")
        while (now := time.monotonic()) < end:
            if self.terminal:
                self.draw(headline, now)
            elif now - self.last_plain >= 3:
                self.last_plain = now
                say(self.screen(now, 60))
            time.sleep(max(0.0, now + REFRESH_S - time.monotonic()))

    def draw(self, headline: str, now: float) -> None:
        size = shutil.get_terminal_size()
        lines = [headline, "", *self.screen(now, min(size.columns - 12, 100)).splitlines()]
        cut = [line[: size.columns - 1] for line in lines[: size.lines - 1]]
        # Home, each line followed by erase-to-end, then erase below: no flicker.
        sys.stdout.write("\x1b[H" + "\x1b[K\n".join(cut) + "\x1b[K\n\x1b[J")
        sys.stdout.flush()

    def screen(self, now: float, width: int) -> str:
        answered = measure.shares(
            [a["server"] for a in measure.successes(self.traffic.since(now - 2))]
        )
        parts = [
            f"client   [{self.traffic.strip(now, width)}]  #: all well, .: none",
            f"answers of the last 2 s: {answered or 'none'}",
        ]
        for node in self.lab.nodes:
            parts.append(f"\n== {node.name}\n{describe(node)}")
        return "\n".join(parts)


def describe(node: Appliance) -> str:
    return node.status_text() if node.pids() else "(dead)"


def main() -> int:
    catch_interrupts()
    extend_search_path()
    lab = Lab("lab")
    keep = False
    try:
        with lab.lock():
            try:
                if lab.is_up():
                    say("taking an earlier lab down")
                    lab.down()
                lab.up(LabConfig())
                Demo(lab).run()
                keep = "--down" not in sys.argv
            except LabError:
                report_nodes(lab)
                raise
            finally:
                ignore_interrupts()
                if keep:
                    lab.clients.end()
                else:
                    lab.down()
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; the lab is down", file=sys.stderr)
        return 130
    say(WHAT_NEXT.format(run_dir=lab.dir) if keep else "The lab is down again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
