"""What the nodes think of servers: nothing before the first checks where the configuration says so
(`init-state`), and both nodes say where they differ when one of them cannot reach a server."""

import random
import time
from dataclasses import replace

from .. import measure
from ..config import LabConfig
from ..lab import Lab, start_all
from ..outcome import Outcome
from ..process import wait_until
from ..topology import VIRTUAL_ADDRESS, WEB_PORT, WEB_SERVERS
from .scenario import Scenario

# Six seconds from the first check to the second: lb1 is MASTER in between, and can be tried.
CAREFUL, CAREFUL_PORT = "careful", 8081
TRUSTING, TRUSTING_PORT = "trusting", 8082
CAREFUL_S = 6.0
SERVICES = (
    f"listen {CAREFUL}\n    bind {VIRTUAL_ADDRESS}:{CAREFUL_PORT}\n"
    + f"    server web1 {WEB_SERVERS[0].address}:{WEB_PORT} check inter {CAREFUL_S:.0f}s rise 2"
    + " init-state fully-down",
    # Nobody listens there. It counts as up until the first check, which comes after the careful one.
    f"listen {TRUSTING}\n    bind {VIRTUAL_ADDRESS}:{TRUSTING_PORT}\n"
    + f"    server web2 {WEB_SERVERS[1].address}:9 check inter {CAREFUL_S:.0f}s fall 2"
    + " init-state fully-up",
    f"listen web\n    bind {VIRTUAL_ADDRESS}:{WEB_PORT}\n    timeout connect 1s\n"
    + "\n".join(
        f"    server {host.name} {host.address}:{WEB_PORT} check inter 500ms rise 2 fall 2"
        for host in WEB_SERVERS
    ),
)
CUT_OFF = WEB_SERVERS[2]
# The grace of three seconds, the checks before it, and what two busy cores add.
SHOWN_S = 12.0


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    outcome.step("a node starts: `init-state` holds until the checks have passed, or failed")
    lab.up_network()
    for server in lab.web:
        server.prepare()
    start_all(lab.web)
    lb1, lb2 = lab.node("lb1"), lab.node("lb2")
    for node in (lb1, lb2):
        node.write_config(replace(config, services=SERVICES))
    lb1.start()
    seen = watch_first_checks(lab)
    outcome.check(
        not seen["too_early"] and seen["early_tries"] > 0,
        f"{seen['early_tries']} connections before the second check of {CAREFUL}: "
        f"{seen['too_early']} came through",
    )
    for service, wanted in ((CAREFUL, "down"), (TRUSTING, "up")):
        first, checks = seen[f"first_{service}"]
        outcome.check(first == wanted and checks < 2, f"{service} begins as {first} ({checks} checks)")
    wait_until(f"{TRUSTING} is found out", lambda: state(lb1, TRUSTING, "web2") == "down", 15)
    outcome.check(answers(lab, CAREFUL_PORT), f"{CAREFUL} gets connections after its checks")

    outcome.step("the other node starts, and both agree")
    lb2.start()
    lb2.wait_group("BACKUP")
    wait_until("lb2 has checked", lambda: state(lb2, "web", CUT_OFF.name) == "up", 15)
    wait_until("both say nothing", lambda: not differences(lb1) and not differences(lb2), 20)
    outcome.check(True, "the nodes agree about all servers")

    outcome.step(f"lb2 loses its way to {CUT_OFF.name}")
    # Its frames go to a station that is not there.
    neighbour = [CUT_OFF.address, "dev", "eth2"]
    lost = ["lladdr", "02:00:00:00:00:99", "nud", "permanent"]
    lab.network.run("lb2", ["ip", "neighbour", "replace", *neighbour, *lost])
    began = time.monotonic()
    wanted = {
        "lb1": (f"web/{CUT_OFF.name}: up here; down on lb2: L4TOUT", lb1),
        "lb2": (f"web/{CUT_OFF.name}: down here: L4TOUT", lb2),
    }
    for name, (words, node) in wanted.items():
        wait_until(f"{name} says so", lambda n=node, w=words: any(w in d for d in problems(n)), SHOWN_S)
        text = next(d for d in problems(node) if words in d)
        outcome.check(True, f"{name}: {text}")
        page = node.status_text()
        outcome.check("nodes differ: " in page, f"{name}: 'carpool status' shows it at the server")
    outcome.figure(said_after_ms=measure.milliseconds(time.monotonic() - began))

    outcome.step("the way is back, and nothing is said any more")
    lab.network.run("lb2", ["ip", "neighbour", "del", *neighbour])
    wait_until("both say nothing", lambda: not differences(lb1) and not differences(lb2), SHOWN_S)
    outcome.check(True, "the nodes agree again")

    outcome.step("lb2 is killed: its views are gone with it")
    lb2.kill()
    wait_until("lb1 is alone", lambda: lb1.mirror_state() == "alone", 10)
    outcome.check(not differences(lb1), "nothing is said of a peer that is not heard")


def watch_first_checks(lab: Lab) -> dict:
    """From the first answer of lb1 until `careful` is up: what it says, and who gets through."""
    node = lab.node("lb1")
    seen: dict = {"too_early": 0, "early_tries": 0}
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        for service in (CAREFUL, TRUSTING):
            for server in node.servers(service).values():
                said = (server["state"], server["check"]["checks"])
                if server["state"] in ("up", "down"):
                    seen.setdefault(f"first_{service}", said)
        through = node.group_state() == "MASTER" and answers(lab, CAREFUL_PORT)
        # Asked afterwards: what came through before the second check was over is too early.
        checks = next(iter(node.servers(CAREFUL).values()), {}).get("check", {}).get("checks", 0)
        if checks < 2 and node.group_state() == "MASTER":
            seen["early_tries"] += 1
            seen["too_early"] += through
        if through:
            return seen
        time.sleep(0.05)
    return seen


def answers(lab: Lab, port: int) -> bool:
    command = ["curl", "--silent", "--max-time", "1", "--output", "/dev/null",
               f"http://{VIRTUAL_ADDRESS}:{port}/"]
    return lab.network.run("client", command, check=False).returncode == 0


def state(node, service: str, server: str) -> str:
    return node.servers(service).get(server, {}).get("state", "")


def problems(node) -> list[str]:
    return [text for text in (node.status() or {}).get("problems", []) if "nodes differ" in text]


def differences(node) -> list[str]:
    services = (node.status() or {}).get("services", [])
    return [
        server["peer_view"]["says"]
        for service in services
        for server in service["servers"]
        if "peer_view" in server
    ]


SCENARIO = Scenario(
    "server-views", "nothing before the first checks, and where the two nodes differ about servers", run
)
