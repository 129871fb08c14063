"""The runtime socket beside HAProxy's own: the same sections, the same commands in the same order,
and the same answers, word for word. Then what operators said is still true after a reload and
after a restart."""

import json
import random
import re
import socket
import time
from dataclasses import replace
from pathlib import Path

from ..config import LabConfig
from ..haproxy import HaProxy
from ..lab import Lab
from ..outcome import Outcome
from ..process import LabError, wait_until
from ..runtime_client import ask, statistics
from ..topology import HOSTS, VIRTUAL_ADDRESS, WEB_PORT, WEB_SERVERS
from .scenario import Scenario

SETTLED_S = 15.0
LEVELS = ("admin", "operator", "user")

# Both take these as they stand; only the address that clients connect to differs.
SECTIONS = """\
listen web
    bind {web}
    balance roundrobin
    option httpchk GET /health
    server web1 {a}:80 check inter 500ms rise 2 fall 2
    server web2 {b}:80 check inter 500ms weight 50
    server web3 {c}:80 check inter 500ms backup maxconn 100
    server dead {c}:81 check inter 500ms
frontend front
    bind {front}
    default_backend back
backend back
    id 77
    balance leastconn
    server one {a}:80 id 9
    server two {b}:80 track web/web2
    server out {c}:80 check disabled
"""

# Errors first: they change nothing. What they say is what management libraries look for.
COMPLAINTS = """\
set server
set server web
set server web/
set server /web1
set server nope/web1
set server web/nope
set server web/web1
set server web/web1 foo
set server web/web1 state
set server web/web1 state sideways
set server web/web1 weight
set server web/web1 weight x
set server web/web1 weight 300
set server web/web1 weight -1
set server web/web1 weight 3x
set server web/web1 weight 3%x
set weight web/web1
set weight nope/web1 1
get weight
get weight web
get weight nope/web1
get weight web/nope
set server web/web1 addr
set server web/web1 addr nowhere
set server web/web1 addr 10.0.0.21 port
set server web/web1 addr 10.0.0.21 port x
set server web/web1 addr 10.0.0.21 port +3
set server web/web1 addr 10.0.0.21:81
set server web/web1 health
set server web/web1 health sideways
set server back/two health down
set server web/web1 agent up
set server web/web1 fqdn there.example
set server web/web1 ssl on
disable server
disable server web/nope
enable server nope/web1
enable health back/one
enable agent web/web1
disable health nope/x
disable frontend
disable frontend nope
enable frontend web
set maxconn server
set maxconn server web/web1
set maxconn server web/web1 x
set maxconn server web/nope 3
set timeout
set timeout cli
set timeout cli soon
set timeout srv 10
show stat nope 4 -1
show servers state nope
show servers conn nope
show table nope
show errors nope
show env NO_SUCH_VARIABLE
get weight web/web2
get weight #77/one
get weight back/#9
""".splitlines()

CHANGES = """\
set server web/web1 state drain
set server web/web2 weight 50%
get weight web/web2
set weight web/web1 7
get weight web/web1
set server back/one state maint
set server back/out state ready
set maxconn server web/web2 33
disable health web/web3
disable frontend front
disable frontend front
set server web/dead addr 10.0.0.23 port 82
set server web/dead addr 10.0.0.23
set server web/dead addr 10.0.0.23 port 82
set server back/one weight 0
clear counters
show backend
show cli level
set timeout cli 20
set timeout cli 1m
show table
""".splitlines()

BACK = """\
set server web/web1 state ready
set server web/web2 weight 100%
set weight web/web1 1
set server back/one state ready
disable server back/out
enable server back/out
disable server back/out
set maxconn server web/web2 100
enable health web/web3
enable frontend front
enable frontend front
set server web/dead addr 10.0.0.23 port 81
set server back/one weight 1
clear counters all
""".splitlines()

# What is counted by the one that carries traffic, and by clocks, is not compared.
COMPARED = """pxname svname status weight act bck iid sid pid tracked type check_status check_code
check_desc last_chk check_rise check_fall check_health addr mode algo uweight qcur qmax hrsp_1xx
agent_status cookie throttle""".split()
STATE_COLUMNS = 17  # of 'show servers state': up to the forced ids ...
CLOCK_COLUMN = 9  # ... but for the seconds since the last change


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    lab.up_network()
    lab.up_web_servers()
    haproxy = HaProxy(lab.network, "lb2", lab.dir)
    lab.witnesses.append(haproxy)
    node = lab.node("lb1")
    ours = lab.dir / "runtime.sock"
    try:
        here = next(host.address for host in HOSTS if host.name == "lb2")
        haproxy.start(sections(f"{here}:{WEB_PORT}", f"{here}:8080"))
        theirs = haproxy.socket
        node.write_config_text(
            replace(
                config, services=(sections(f"{VIRTUAL_ADDRESS}:{WEB_PORT}", f"{VIRTUAL_ADDRESS}:8080"),)
            ).text().replace("global\n", "global\n" + sockets(ours), 1)
        )
        node.start()
        wait_until("carpool answers", node.status, 20)
        wait_until("both agree", lambda: not differences(theirs, ours), SETTLED_S)
        conversations(outcome, theirs, ours)
        outcome.step("what changes servers and frontends")
        same_answers(outcome, theirs, ours, CHANGES)
        same_statistics(outcome, theirs, ours, "after the changes")
        remembered(lab, outcome, ours)
        outcome.step("and back again")
        same_answers(outcome, theirs, ours, BACK)
        same_statistics(outcome, theirs, ours, "after all was taken back")
        forms(outcome, theirs, ours)
        levels(outcome, ours)
        bounds(outcome, ours)
    finally:
        haproxy.stop()


def sections(web: str, front: str) -> str:
    a, b, c = (server.address for server in WEB_SERVERS)
    return SECTIONS.format(web=web, front=front, a=a, b=b, c=c)


def sockets(ours: Path) -> str:
    return f"    stats socket {ours} mode 600 level admin\n" + "".join(
        f"    stats socket {ours}.{level} mode 600 level {level}\n" for level in LEVELS
    ) + "    stats timeout 2s\n"


def same_answers(outcome: Outcome, theirs: Path, ours: Path, commands: list[str]) -> None:
    different = []
    for command in commands:
        expected, answer = ask(theirs, command), ask(ours, command)
        if answer != expected:
            different.append(f"{command!r}: HAProxy {expected!r}, carpool {answer!r}")
    for line in different:
        print(f"      {line}", flush=True)
    outcome.check(not different, f"{len(commands)} commands, other answers: {len(different)}")


def conversations(outcome: Outcome, theirs: Path, ours: Path) -> None:
    outcome.step("what is wrong, and how a conversation goes")
    same_answers(outcome, theirs, ours, COMPLAINTS)
    same_answers(
        outcome,
        theirs,
        ours,
        [
            "prompt\nshow backend\nquit\nshow backend",
            "prompt\nprompt\nshow backend",
            "prompt;show backend",
            "show backend;get weight web/web1 ; get weight web/nope",
            "show backend\nget weight web/web1",
            "user;show cli level;operator;set server web/web1 state drain;show env",
            "quit",
        ],
    )
    for text in ("", "nothing like it", "show"):
        first = [ask(path, text).splitlines()[0] for path in (theirs, ours)]
        outcome.check(first[0] == first[1], f"{text!r}: {first[1]}")
    lines = [
        {line for line in ask(path, "help").splitlines() if re.match(r"  \w", line)}
        for path in (theirs, ours)
    ]
    outcome.check(
        lines[1] <= lines[0] and len(lines[1]) > 25,
        f"help: all {len(lines[1])} lines are HAProxy's: {sorted(lines[1] - lines[0]) or 'yes'}",
    )


def differences(theirs: Path, ours: Path) -> list[str]:
    expected, answer = statistics(theirs), statistics(ours)
    found = []
    if list(expected) != list(answer):
        found.append(f"lines: HAProxy {list(expected)}, carpool {list(answer)}")
    for key, line in expected.items():
        for column in COMPARED:
            here = answer.get(key, {}).get(column)
            if line[column].removeprefix("* ") != (here or "").removeprefix("* "):
                found.append(f"{'/'.join(key)} {column}: HAProxy {line[column]!r}, carpool {here!r}")
    return found


def same_statistics(outcome: Outcome, theirs: Path, ours: Path, when: str) -> None:
    found: list[str] = []

    def same() -> bool:
        found[:] = differences(theirs, ours) + state_differences(theirs, ours)
        return not found

    try:
        wait_until("both agree", same, SETTLED_S)
    except LabError:
        for line in found:
            print(f"      {line}", flush=True)
    outcome.check(not found, f"statistics and state of servers, {when}: {len(found)} differences")


def state_differences(theirs: Path, ours: Path) -> list[str]:
    def lines(path: Path) -> list[list[str]]:
        words = [line.split() for line in ask(path, "show servers state").splitlines()]
        for line in words[2:]:
            if len(line) > CLOCK_COLUMN:
                line[CLOCK_COLUMN] = "-"
                line[13] = str(int(line[13]) & ~1)  # whether a check is under way just now
        return [line[:STATE_COLUMNS] if len(line) > STATE_COLUMNS and line[0] != "#" else line
                for line in words]

    return [f"HAProxy {a}, carpool {b}" for a, b in zip(lines(theirs), lines(ours)) if a != b]


def remembered(lab: Lab, outcome: Outcome, ours: Path) -> None:
    """A reload and a restart change nothing of what operators have said."""
    node = lab.node("lb1")

    def said() -> list[tuple]:
        lines = statistics(ours)
        return [
            (key, line["weight"], line["slim"], line["addr"], line["status"].split()[0])
            for key, line in lines.items() if line["type"] == "2" or key == ("front", "FRONTEND")
        ]

    before = said()
    for name, act in (("a reload", node.reload), ("SIGKILL to carpoold and a start", restart(node))):
        act()
        wait_until("carpool answers", lambda: ours.exists() and answers(ours), 20)
        after: list[tuple] = []

        def same() -> bool:
            after[:] = said()
            return after == before

        try:
            wait_until("it is as it was", same, SETTLED_S)
        except LabError:
            pass
        outcome.check(after == before, f"after {name} servers and frontends are as operators want")
        for old, new in zip(before, after):
            if old != new:
                print(f"      before {old}, after {new}", flush=True)


def restart(node):
    def act() -> None:
        node.kill("carpoold")
        node.start()

    return act


def is_dropped(path: Path, line: str) -> bool:
    try:
        return ask(path, line) == ""
    except ConnectionError:
        return True


def answers(path: Path) -> bool:
    try:
        return bool(ask(path, "show version"))
    except OSError:
        return False


def forms(outcome: Outcome, theirs: Path, ours: Path) -> None:
    outcome.step("the other forms")
    for command in ("show info", "show info typed", "show stat typed"):
        keys = [
            {line.rsplit(":", 1)[0].split(": ")[0] for line in ask(path, command).splitlines()
             if line and ".last_chk." not in line and ".check_duration." not in line
             and ".check_code." not in line and ".srv_abrt" not in line}
            for path in (theirs, ours)
        ]
        missing, more = keys[0] - keys[1], keys[1] - keys[0]
        if command == "show stat typed":
            missing = {key for key in missing if ".addr." not in key}
        outcome.check(
            not missing and not more, f"{command}: missing {sorted(missing)[:4]}, "
            f"more {sorted(more)[:4]} of {len(keys[0])}"
        )
    for command in ("show info json", "show stat json"):
        shapes = [json.loads(ask(path, command)) for path in (theirs, ours)]
        flat = [
            {(str(item["field"]), str(item["tags"])) for item in
             (shape if command == "show info json" else sum(shape, []))}
            for shape in shapes
        ]
        outcome.check(flat[0] == flat[1], f"{command}: {len(flat[1])} kinds of fields, as HAProxy's")


def levels(outcome: Outcome, ours: Path) -> None:
    outcome.step("who may do what")
    sockets_ = {level: Path(f"{ours}.{level}") for level in LEVELS}
    denied = "Permission denied\n\n"
    for level, allowed in (("user", False), ("operator", False), ("admin", True)):
        answer = ask(sockets_[level], "set server web/web1 state ready")
        outcome.check((answer == "\n") == allowed and (answer == denied) != allowed,
                      f"set server as {level}: {answer!r}")
    outcome.check(ask(sockets_["user"], "show env") == denied, "show env as user is denied")
    outcome.check(ask(sockets_["user"], "clear counters") == denied, "clear counters as well")
    outcome.check(ask(sockets_["operator"], "clear counters all") == denied,
                  "clear counters all is denied to operators")
    outcome.check("10.0.0.21" not in ask(sockets_["user"], "show stat"),
                  "addresses are not shown to users")


def bounds(outcome: Outcome, ours: Path) -> None:
    outcome.step("long lines, silent and many clients")
    outcome.check(is_dropped(ours, "a" * 20000), "a line of 20,000 bytes ends the connection")
    silent = socket.socket(socket.AF_UNIX)
    silent.connect(str(ours))
    silent.settimeout(10)
    start = time.monotonic()
    ended = silent.recv(1) == b""
    outcome.check(ended and 1 < time.monotonic() - start < 9, "a silent one after 'stats timeout'")
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    for client in crowd:
        client.connect(str(ours))
        client.settimeout(5)
    time.sleep(0.3)
    served = 0
    for client in crowd:
        try:
            client.sendall(b"show version\n")
            served += client.recv(100) != b""
        except OSError:
            pass
        client.close()
    outcome.check(0 < served <= 64, f"{served} of 100 clients at once are served")
    wait_until("it answers again", lambda: answers(ours), 5)


SCENARIO = Scenario(
    "runtime-socket", "the runtime socket beside HAProxy's: the same commands, the same answers", run
)
