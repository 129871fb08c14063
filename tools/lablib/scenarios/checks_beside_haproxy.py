"""Every type of check, by Debian's HAProxy and by carpool, of the same servers at the same time:
both must come to the same verdicts, by the same check_status.

A row is one backend in HAProxy's words, used for both as it stands, with one server that follows a
script; the script changes from phase to phase. New types of checks are new rows: a list of them in
a file of its own in beside_haproxy/, named in beside_haproxy/__init__.py."""

import json
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from ..certificates import Authority
from ..config import LabConfig
from ..haproxy import HaProxy
from ..lab import Lab
from ..load import PROBES
from ..outcome import Outcome
from ..process import LabError, wait_until
from ..topology import VIRTUAL_ADDRESS, WEB_SERVERS
from .beside_haproxy import ROWS, external, tls
from .beside_haproxy.row import Phase, Row
from .scenario import Scenario

FIRST_PORT = 10000
SERVER = WEB_SERVERS[0]
CHECK = "check inter 300ms rise 2 fall 2"
TIMEOUT_CHECK = "300ms"
PHASE_S = 12.0
GLOBAL = "global\n    external-check\n"
HAPROXY_GLOBAL = GLOBAL + "    insecure-fork-wanted\n"
# The phases of a row begin and end with the others'; rows with fewer stay in their last one.
PHASES = max(len(row.phases) for row in ROWS)


@dataclass(frozen=True)
class Seen:
    """What one of the two says about a server."""

    state: str  # "UP", "DOWN", "UP 1/2", ...
    check: str  # "L7STS/503"
    text: str

    @property
    def settled(self) -> bool:
        return self.state in ("UP", "DOWN", "NOLB", "DRAIN", "MAINT")

    @property
    def status(self) -> str:
        return self.check.partition("/")[0]


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    ports = {row.name: FIRST_PORT + index for index, row in enumerate(ROWS)}
    lab.up_network()
    scripts = lab.dir / "scripts.json"
    write_scripts(scripts, ports, 0)
    authority = Authority(lab.dir / tls.CERTIFICATES)
    for name, wish in tls.WISHES.items():
        authority.issue(name, wish)
    program = lab.dir / external.PROGRAM
    shutil.copy(PROBES / "external_check.sh", program)
    program.chmod(0o755)
    servers = start_servers(lab, scripts)
    haproxy = HaProxy(lab.network, "lb2", lab.dir)
    lab.witnesses.append(haproxy)
    node = lab.node("lb1")
    try:
        theirs = "".join(section(lab, row, ports, bind="") for row in ROWS)
        haproxy.start(HAPROXY_GLOBAL + theirs)
        ours = (
            section(lab, row, ports, f"{VIRTUAL_ADDRESS}:{ports[row.name]}") for row in ROWS
        )
        node.write_config(replace(config, services=(GLOBAL, *ours)))
        node.start()
        wait_until("carpool answers", node.status, 20)
        for phase in range(PHASES):
            outcome.step(f"phase {phase + 1} of {PHASES}")
            write_scripts(scripts, ports, phase)
            compare(outcome, phase, haproxy, lab)
    finally:
        servers.kill()
        servers.wait()
        haproxy.stop()
    outcome.figure(rows=len(ROWS), phases=PHASES)


def section(lab: Lab, row: Row, ports: dict[str, int], bind: str) -> str:
    lines = [
        f"{'listen' if bind else 'backend'} {row.name}",
        *([f"    bind {bind}"] if bind else []),
        "    timeout connect 1s",
        f"    timeout check {TIMEOUT_CHECK}",
        *(f"    {line}" for line in row.lines),
        f"    server s {SERVER.address}:{ports[row.name]} {CHECK} {row.server}",
    ]
    text = "\n".join(lines) + "\n"
    return text.replace("{dir}", str(lab.dir)).replace("{port}", str(ports[row.name]))


def write_scripts(path: Path, ports: dict[str, int], phase: int) -> None:
    scripts = {
        ports[row.name]: row.at(phase).script for row in ROWS if row.at(phase).script is not None
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(scripts).replace("{dir}", str(path.parent)))
    fresh.rename(path)


def start_servers(lab: Lab, scripts: Path) -> subprocess.Popen:
    command = [sys.executable, "-B", str(PROBES / "scripted_server.py"), SERVER.address]
    return subprocess.Popen(
        lab.network.command(SERVER.name, [*command, str(scripts)]), start_new_session=True
    )


def haproxy_servers(haproxy: HaProxy) -> dict[str, Seen]:
    seen = {}
    for row in ROWS:
        line = haproxy.server(row.name, "s")
        check = line["check_status"].removeprefix("* ")
        # Where a program has no exit status HAProxy has -1, at times, and prints it without a sign.
        none = ("", "0", str(2**32 - 1))
        code = f"/{line['check_code']}" if line["check_code"] not in none else ""
        state = line["status"].removesuffix(" (agent)")
        seen[row.name] = Seen(state, check + code, line["last_chk"])
    return seen


def carpool_servers(lab: Lab) -> dict[str, Seen]:
    seen = {}
    for service in (lab.node("lb1").status() or {}).get("services", []):
        server = service["servers"][0]
        check = server.get("check", {})
        progress = check.get("progress", "").removeprefix("down by its agent")
        state = {"down": "DOWN", "drain": "NOLB", "maint": "MAINT"}.get(server["state"], "UP")
        if state == "NOLB" and server["admin"]["mode"] == "drain":
            state = "DRAIN"
        code = f"/{check['code']}" if check.get("code") else ""
        seen[service["name"]] = Seen(
            f"{state} {progress}".strip(), check.get("status", "") + code, check.get("text", "")
        )
    return seen


def compare(outcome: Outcome, phase: int, haproxy: HaProxy, lab: Lab) -> None:
    """Waits for both to come to what the phase is about, and prints the table."""
    theirs: dict[str, Seen] = {}
    ours: dict[str, Seen] = {}

    def all_settled() -> bool:
        theirs.update(haproxy_servers(haproxy))
        ours.update(carpool_servers(lab))
        return not any(wrong(row, row.at(phase), theirs[row.name], ours.get(row.name))
                       for row in ROWS)

    try:
        wait_until("both agree on all servers", all_settled, PHASE_S)
    except LabError:
        pass  # the table says who did not
    for row in ROWS:
        if phase >= len(row.phases):
            continue
        problem = wrong(row, row.at(phase), theirs[row.name], ours.get(row.name))
        show(row, row.at(phase), theirs[row.name], ours.get(row.name))
        if problem:
            outcome.check(False, f"{row.name}, {row.at(phase).what}: {problem}")
    outcome.check(True, f"{sum(phase < len(row.phases) for row in ROWS)} servers compared")


def wrong(row: Row, phase: Phase, theirs: Seen, ours: Seen | None) -> str:
    """Why this phase is not what it should be, or nothing."""
    if ours is None:
        return "carpool does not show it"
    if not theirs.settled or not ours.settled:
        return "is still undecided"
    if phase.differs:
        theirs_right = theirs.state == phase.haproxy_state
    else:
        theirs_right = theirs.state == phase.state
    if not theirs_right:
        return f"HAProxy says {theirs.state}"
    if ours.state != phase.state:
        return f"carpool says {ours.state}"
    # HAProxy keeps the code of an HTTP reply to itself where the body was wrong.
    same = theirs.check == ours.check if "/" in theirs.check else theirs.status == ours.status
    # Of a server in maintenance HAProxy says nothing more.
    if not phase.differs and theirs.check and not same:
        return f"HAProxy says {theirs.check}, carpool {ours.check}"
    if phase.check and ours.check != phase.check:
        return f"carpool says {ours.check}, not {phase.check}"
    return ""


def show(row: Row, phase: Phase, theirs: Seen, ours: Seen | None) -> None:
    print(f"   {row.name:<18} {phase.what:<34} {'(differs)' if phase.differs else ''}")
    for name, seen in (("haproxy", theirs), ("carpool", ours)):
        if seen:
            print(f"      {name} {seen.state:<8} {seen.check:<12} {seen.text}", flush=True)


SCENARIO = Scenario(
    "checks-beside-haproxy", "the same servers checked by HAProxy and by carpool, side by side", run
)
