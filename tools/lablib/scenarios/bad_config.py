"""Everything that can be wrong before the first packet: each start is refused, says what and where,
and leaves nothing."""

import json
import random
import re
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from ..appliance import CONTROL_PLANE, Appliance
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from ..process import LabError, is_alive, wait_until
from .scenario import Scenario

REFUSAL_S = 20.0


@dataclass(frozen=True)
class Case:
    """A good text made bad, and what the refusal has to say: patterns, without regard to case."""

    what: str
    spoil: Callable[[str], str]
    says: tuple[str, ...]
    node: str = "lb1"


def substitute(old: str, new: str) -> Callable[[str], str]:
    def spoil(text: str) -> str:
        if old not in text:
            raise LabError(f"the lab's configuration has no '{old}' to spoil")
        return text.replace(old, new)

    return spoil


def several(*spoilers: Callable[[str], str]) -> Callable[[str], str]:
    def spoil(text: str) -> str:
        for spoiler in spoilers:
            text = spoiler(text)
        return text

    return spoil


REGION_MAGIC = b"CRPOOL01"
FILE_LINE = r"carpool\.cfg:\d+"

CASES = (
    Case(
        "three mistakes are reported at once",
        several(
            substitute("balance roundrobin", "balance sideways"),
            substitute("vhid 53", "vhid 530"),
            substitute("server db2 10.0.0.12:3306", "server db2 10.0.0.1200:3306"),
        ),
        (FILE_LINE + ".*sideways", FILE_LINE + ".*530", FILE_LINE + r".*10\.0\.0\.1200"),
    ),
    Case(
        "an unknown keyword, with the nearest known one",
        substitute("balance leastconn", "ballance leastconn"),
        (FILE_LINE + ".*ballance", r"\bbalance\b"),
    ),
    Case(
        "what needs layer 7",
        substitute("balance leastconn", "redirect scheme https"),
        (FILE_LINE + ".*redirect",),
    ),
    Case(
        "a port whose device does not exist",
        substitute(" eth1", " eth9"),
        ("eth9", "no such|not exist|not found"),
    ),
    Case(
        "a virtual address off its port's network",
        substitute("192.0.2.10", "198.51.100.10"),
        (r"198\.51\.100\.10", "wan|eth1"),
    ),
    Case(
        "a bind address that no group has",
        substitute("bind 192.0.2.10:80", "bind 192.0.2.77:80"),
        (FILE_LINE + r".*192\.0\.2\.77",),
    ),
    Case("a node that the file does not describe", lambda text: text, ("lb3", "node"), node="lb3"),
    Case(
        "a group on a port that the node does not have",
        substitute("    port wan xdp eth1\n", ""),
        ("wan",),
    ),
    Case(
        "more memory than there are hugepages",
        substitute("    workers 1\n", "    workers 1\n    memory 64g\n"),
        ("huge ?page", "32768|65536"),
    ),
)


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    lab.up_network()
    node = lab.node("lb1")
    # The table is written for one port kind; nothing in it depends on which.
    text = config.text().replace(f" {config.port_kind} ", " xdp ")
    for case in CASES:
        node.write_config_text(case.spoil(text))
        expect_refusal(lab, outcome, node, case.what, case.says, ["--node", case.node])
        expect_nothing_left(lab, outcome, node)
    expect_refusal(
        lab,
        outcome,
        node,
        "no such file",
        ("nowhere.cfg", "no such file"),
        ["--config", str(node.dir / "nowhere.cfg")],
    )
    port_busy(lab, outcome, config)
    wrong_version(lab, outcome, config)
    outcome.figure(cases=len(CASES) + 4)


def expect_refusal(
    lab: Lab,
    outcome: Outcome,
    node: Appliance,
    what: str,
    says: tuple[str, ...],
    arguments: list[str],
) -> None:
    """Starts carpoold, with later arguments overriding earlier ones, and judges how it gives up."""
    outcome.step(what)
    command = lab.network.command(node.name, override(node.command(), arguments))
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=REFUSAL_S,
        )
    except subprocess.TimeoutExpired as error:
        outcome.check(False, f"{what}: refused within {REFUSAL_S:.0f} s; it said: {error.output}")
        node.kill()
        return
    missing = [pattern for pattern in says if not re.search(pattern, result.stdout, re.IGNORECASE)]
    refused = 0 < result.returncode < 128
    if outcome.check(refused and not missing, f"{what}: refused with the reason"):
        return
    outcome.step(f"exit status {result.returncode}, not said: {missing}; it said:\n{result.stdout}")


def override(command: list[str], arguments: list[str]) -> list[str]:
    """Replaces the values of options that the command line has already."""
    command = list(command)
    for option, value in zip(arguments[::2], arguments[1::2]):
        command[command.index(option) + 1] = value
    return command


def expect_nothing_left(lab: Lab, outcome: Outcome, node: Appliance) -> None:
    links = json.loads(lab.network.run(node.name, ["ip", "-j", "link", "show"]).stdout)
    programs = [link["ifname"] for link in links if "xdp" in link]
    left = node.pids()
    if programs or left:
        outcome.check(
            False, f"nothing is left behind: processes {left}, XDP programs on {programs}"
        )
        node.kill()


def port_busy(lab: Lab, outcome: Outcome, config: LabConfig) -> None:
    outcome.step("a good configuration starts")
    node = lab.node("lb1")
    lab.up_nodes(config, ["lb1"])
    node.wait_group("MASTER")
    pids = node.pids()
    second = lab.dir / "second"
    second.mkdir()
    expect_refusal(
        lab,
        outcome,
        node,
        "a second instance on the same ports",
        ("eth1|eth2", "busy|in use|another"),
        ["--run-dir", str(second)],
    )
    expect_refusal(
        lab,
        outcome,
        node,
        "a second instance in the same run directory",
        ("already|another|in use|busy",),
        [],
    )
    outcome.check(
        node.pids() == pids and node.group_state() == "MASTER",
        "the first instance is still at work",
    )


def wrong_version(lab: Lab, outcome: Outcome, config: LabConfig) -> None:
    """A control plane finds a data plane of another version: an upgrade gone half way."""
    node = lab.node("lb1")
    node.kill(CONTROL_PLANE)
    data_plane = node.pids()
    spoil_version(node)
    expect_refusal(lab, outcome, node, "a data plane of another version", ("version",), [])
    for pid in data_plane:
        outcome.check(is_alive(pid), "the data plane was left alone")
    node.kill()
    outcome.step("after that crash the next start is clean")
    node.write_config(config)
    node.start()
    node.wait_group("MASTER")
    node.stop()
    wait_until("nothing runs any more", lambda: not node.pids(), 10)
    expect_nothing_left(lab, outcome, node)
    outcome.check(True, "started, and ended on SIGTERM with nothing left")


def spoil_version(node: Appliance) -> None:
    """The shared region begins with its magic (8 bytes) and its version (4 bytes)."""
    for path in node.dir.iterdir():
        if path.is_file() and path.open("rb").read(8) == REGION_MAGIC:
            with path.open("r+b") as region:
                region.seek(8)
                region.write(struct.pack("<I", 0xFFFF))
            return
    raise LabError(f"no shared region in {node.dir}")


SCENARIO = Scenario(
    "bad-config", "configurations and start conditions that have to be refused, and how", run
)
