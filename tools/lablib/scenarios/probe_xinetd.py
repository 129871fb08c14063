"""carpool-probe under Debian's xinetd, asked by carpool and by Debian's HAProxy side by side: the
same verdicts. And what HAProxy makes of the probe as its agent."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from .. import health_agent, measure
from ..appliance import Appliance
from ..config import LabConfig, ServerLine
from ..haproxy import HaProxy
from ..health_agent import HealthAgent
from ..lab import Lab
from ..outcome import Outcome
from ..process import wait_until
from ..topology import DB_PORT, VIRTUAL_ADDRESS, WEB_SERVERS
from ..xinetd import Xinetd
from .scenario import Scenario

SERVICE = "mysql"
CHECK_PORT = 9200
# Of the probe as a daemon, which alone can be an agent.
DAEMON_PORT, AGENT_PORT = 9210, 9211
AGENTS = "agents"
AGENT_WEIGHT = 80
CHECK = f"check port {CHECK_PORT} inter 500ms rise 2 fall 2"
DETECTION_S = 6.0
# Where HAProxy runs: a host on the servers' network with nothing else to do here.
HAPROXY_HOST = WEB_SERVERS[-1].name


@dataclass(frozen=True)
class Verdict:
    """How a checker sees the server."""

    state: str  # UP, DOWN
    status: str  # "L7STS/503"
    text: str

    def __str__(self) -> str:
        return f"{self.state:5} {self.status:10} {self.text}"


def carpools(node: Appliance, server: str) -> Verdict:
    entry = node.servers(SERVICE).get(server, {})
    check = entry.get("check", {})
    status = f"{check.get('status', '')}/{check.get('code', '')}"
    return Verdict(entry.get("state", "").upper(), status, check.get("text", ""))


def haproxys(haproxy: HaProxy, server: str) -> Verdict:
    row = haproxy.server(SERVICE, server)
    # A star stands before the result of a check while the next one runs.
    status = f"{row['check_status'].removeprefix('* ')}/{row['check_code']}"
    return Verdict(row["status"].split()[0], status, row["last_chk"])


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    lab.up_network()
    lab.up_databases()
    db = lab.db[0]
    health_agent.create_user(db)
    agent = HealthAgent(db, CHECK_PORT, ["alive"])
    xinetd = Xinetd(agent)
    haproxy = HaProxy(lab.network, HAPROXY_HOST, lab.dir)
    lab.witnesses += [xinetd, haproxy]
    xinetd.start()
    line = ServerLine(db.name, db.address, DB_PORT, CHECK)
    agent_line = ServerLine(
        db.name,
        db.address,
        DB_PORT,
        f"weight 100 agent-check agent-port {AGENT_PORT} agent-inter 500ms",
    )
    haproxy.start(
        f"backend {SERVICE}\n    option httpchk\n    timeout check 2s\n{line}\n"
        f"backend {AGENTS}\n{agent_line}"
    )
    service = f"listen {SERVICE}\n    bind {VIRTUAL_ADDRESS}:{DB_PORT}\n    option httpchk\n"
    lab.up_nodes(
        replace(config, services=(f"{service}    timeout check 2s\n{line}",)), ["lb1"]
    )
    node = lab.node("lb1")
    node.wait_group("MASTER")

    def revive() -> None:
        db.start()
        db.wait_ready()

    cases: tuple[tuple[str, Callable[[], object], str, str], ...] = (
        ("alive", lambda: None, "UP", "200"),
        ("down file", lambda: agent.down_file.write_text("disk swap\n"), "DOWN", "503"),
        ("no down file", agent.down_file.unlink, "UP", "200"),
        ("killed database", db.kill, "DOWN", "503"),
        ("database back", revive, "UP", "200"),
        ("wrong password", lambda: agent.write_credentials("wrong"), "DOWN", "503"),
        ("right password", agent.write_credentials, "UP", "200"),
    )
    times: dict[str, dict[str, float | None]] = {}
    for what, act, state, code in cases:
        outcome.step(what)
        act()
        times[what] = compare(outcome, node, haproxy, db.name, state, code)
    outcome.figure(detection_ms=times)
    ask_by_hand(lab, outcome, agent)
    obey_agent(outcome, haproxy, agent)


def compare(
    outcome: Outcome, node: Appliance, haproxy: HaProxy, server: str, state: str, code: str
) -> dict[str, float | None]:
    """Both come to the state, for the same reason; how long each took."""
    begin = time.monotonic()
    views: dict[str, Callable[[], Verdict]] = {
        "carpool": lambda: carpools(node, server),
        "haproxy": lambda: haproxys(haproxy, server),
    }
    took: dict[str, float | None] = {}

    def all_there() -> bool:
        for name, view in views.items():
            verdict = view()
            if name not in took and verdict.state == state and verdict.status.endswith(code):
                took[name] = measure.milliseconds(time.monotonic() - begin)
        return len(took) == len(views)

    try:
        wait_until(f"both say {state}", all_there, DETECTION_S)
    finally:
        seen = {name: view() for name, view in views.items()}
        for name, verdict in seen.items():
            outcome.step(f"  {name:8} {verdict}")
    same = len({(verdict.state, verdict.status) for verdict in seen.values()}) == 1
    outcome.check(
        same and all(verdict.state == state for verdict in seen.values()),
        f"carpool and HAProxy say {state} for the same reason",
    )
    return took


def ask_by_hand(lab: Lab, outcome: Outcome, agent: HealthAgent) -> None:
    """No connection is reset or left without an answer, as the scripts did."""
    outcome.step("20 requests by curl, one after the other, each a process of its own")
    address = f"http://{agent.server.address}:{agent.port}/"
    codes = [
        lab.network.run(
            HAPROXY_HOST,
            ["curl", "-s", "-o", "/dev/null", "-m", "5", "-w", "%{http_code} %{errormsg}", address],
            check=False,
        ).stdout.strip()
        for _ in range(20)
    ]
    outcome.check(set(codes) == {"200"}, f"every one is answered in full: {sorted(set(codes))}")


def obey_agent(outcome: Outcome, haproxy: HaProxy, beside: HealthAgent) -> None:
    """HAProxy does what the agent says, and also hears when an operator's word is over."""
    server = beside.server
    options = ["--agent-port", f"{server.address}:{AGENT_PORT}", "--weight", str(AGENT_WEIGHT)]
    agent = HealthAgent(server, DAEMON_PORT, ["alive"], options)
    agent.start()
    # Without a check of its own, a server that is up shows as "no check".
    cases: tuple[tuple[str, Callable[[], object], str], ...] = (
        ("up", lambda: None, "no"),
        ("drain", lambda: agent.down_file.write_text("drain upgrade\n"), "DRAIN"),
        ("maint", lambda: agent.down_file.write_text("maint disk\n"), "MAINT"),
        ("ready", agent.down_file.unlink, "no"),
        ("down", lambda: agent.write_credentials("wrong"), "DOWN"),
        ("up again", agent.write_credentials, "no"),
    )
    for word, act, state in cases:
        outcome.step(f"the agent says {word}")
        act()
        wait_until(
            f"HAProxy is at {state}",
            lambda: haproxy.state(AGENTS, server.name) == state,
            DETECTION_S,
        )
        outcome.check(True, f"HAProxy: {haproxy.server(AGENTS, server.name)['status']}")

    def weight() -> bool:
        return haproxy.server(AGENTS, server.name)["weight"] == str(AGENT_WEIGHT)

    wait_until("HAProxy takes the agent's weight", weight, DETECTION_S)
    outcome.check(True, f"HAProxy gives it {AGENT_WEIGHT} % of its weight")


SCENARIO = Scenario(
    "probe-xinetd", "the probe under xinetd, asked by carpool and HAProxy side by side", run
)
