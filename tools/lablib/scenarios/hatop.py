"""An operator's session with hatop, as it comes from Debian, on carpool's runtime socket: a look at
the servers, another weight, a server out and in again. Driven in a terminal of tmux."""

import random
import subprocess
import time
from pathlib import Path

from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from ..process import LabError, run as run_command, wait_until
from ..runtime_client import statistics
from .scenario import Scenario

SETTLED_S = 15.0
SCREEN_S = 8.0
ROWS_TO_FIRST_SERVER = 6  # at most: a title, the frontend, and what else hatop may put there


class Terminal:
    """One terminal of tmux, on a tmux server of its own, so that nobody else's is touched."""

    def __init__(self, socket: Path, command: str):
        self.tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        size = ["-x", "132", "-y", "45"]
        subprocess.run([*self.tmux, "new-session", "-d", "-s", "hatop", *size, command], check=True)

    def press(self, key: str) -> None:
        subprocess.run([*self.tmux, "send-keys", "-t", "hatop", key], check=True)

    def screen(self) -> str:
        return run_command([*self.tmux, "capture-pane", "-p", "-t", "hatop"]).stdout

    def ended(self) -> bool:
        probe = [*self.tmux, "has-session", "-t", "hatop"]
        return subprocess.run(probe, capture_output=True).returncode != 0

    def close(self) -> None:
        subprocess.run([*self.tmux, "kill-server"], capture_output=True)


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    lab.up_network()
    lab.up_web_servers()
    node = lab.node("lb1")
    node.write_config(config)
    node.start()
    socket = node.dir / "runtime.sock"
    wait_until("all web servers are up", lambda: all_up(socket), SETTLED_S)

    outcome.step("hatop starts")
    terminal = Terminal(lab.dir / "tmux.sock", f"TERM=screen hatop -s {socket}")
    try:
        session(outcome, terminal, socket)
    except LabError:
        print(terminal.screen(), flush=True)
        raise
    finally:
        terminal.close()


def all_up(socket: Path) -> bool:
    if not socket.exists():
        return False
    lines = statistics(socket)
    return all(lines[("web", f"web{n}")]["status"] == "UP" for n in (1, 2, 3))


def session(outcome: Outcome, terminal: Terminal, socket: Path) -> None:
    def shows(name: str, *words: str) -> bool:
        rows = [line for line in terminal.screen().splitlines() if line.startswith(name)]
        return any(all(word in row.split() for word in words) for row in rows)

    def web1() -> dict[str, str]:
        return statistics(socket)[("web", "web1")]

    wait_until("hatop shows the servers", lambda: shows("web1", "UP", "L7OK"), SCREEN_S)
    screen = terminal.screen()
    outcome.check("lb1" in screen and ">>> web" in screen, "it shows the node, proxies and checks")

    outcome.step("web1's weight: F7 for one more, F8 for ten more, F4 for what is configured")
    for _ in range(ROWS_TO_FIRST_SERVER):
        terminal.press("Down")
        time.sleep(0.2)  # a terminal has no other sign that a key was taken
        terminal.press("F7")
        try:
            wait_until("the weight has changed", lambda: web1()["weight"] != "1", 1.5)
            break
        except LabError:
            continue
    outcome.check(web1()["weight"] == "2", f"F7 makes web1's weight {web1()['weight']}")
    wait_until("hatop shows the new weight", lambda: shows("web1", "2", "UP"), SCREEN_S)
    terminal.press("F8")
    wait_until("ten more", lambda: web1()["weight"] == "12", SCREEN_S)
    wait_until("hatop shows that, too", lambda: shows("web1", "12", "UP"), SCREEN_S)
    terminal.press("F4")
    wait_until("as configured again", lambda: web1()["weight"] == "1", SCREEN_S)
    outcome.check(True, "F8 adds ten, and F4 takes it all back")

    outcome.step("F10 takes web1 out, F9 brings it back")
    terminal.press("F10")
    wait_until("web1 is in maintenance", lambda: web1()["status"] == "MAINT", SCREEN_S)
    wait_until("hatop shows it", lambda: shows("web1", "MAINT"), SCREEN_S)
    outcome.check(True, "F10: MAINT, in carpool and on the screen")
    terminal.press("F9")
    wait_until("web1 is up", lambda: web1()["status"].startswith("UP"), SCREEN_S)
    wait_until("hatop shows it", lambda: shows("web1", "UP"), SCREEN_S)
    outcome.check(True, "F9: UP again, in carpool and on the screen")

    outcome.step("q ends it")
    terminal.press("q")
    wait_until("hatop has ended", terminal.ended, SCREEN_S)
    outcome.check(True, "it ends without complaint")


SCENARIO = Scenario("hatop", "an operator looks, weights, disables and enables with hatop", run)
