"""5,000 servers checked every second by one appliance: what it takes of a core; and as many that do
not answer beside them, which must change nothing for those that do."""

import os
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from ..appliance import CONTROL_PLANE
from ..config import LabConfig
from ..lab import Lab, start_all
from ..outcome import Outcome
from ..process import LabError
from ..topology import VIRTUAL_ADDRESS, WEB_PORT, WEB_SERVERS
from .scenario import Scenario

SERVERS, PER_BACKEND = 5000, 2500
# nginx on web1 answers on every address of the first network; the second one leads nowhere.
LIVE, DEAD = "10.1.0.0/16", "10.2.0.0/16"
MEASURED_S = 5.0
SETTLED_S = 45.0


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    lab.up_network()
    web = lab.web[0]
    web.prepare()
    start_all([web])
    routes = {
        "web1": ["local", LIVE, "dev", "lo"],
        "web2": ["blackhole", DEAD],
    }
    for host, route in routes.items():
        lab.network.run(host, ["ip", "route", "add", *route])
    for network, host in ((LIVE, WEB_SERVERS[0]), (DEAD, WEB_SERVERS[1])):
        lab.network.run("lb1", ["ip", "route", "add", network, "via", host.address])
    node = lab.node("lb1")
    live = [section("live", part, "10.1") for part in range(SERVERS // PER_BACKEND)]
    dead = [section("dead", part, "10.2") for part in range(SERVERS // PER_BACKEND)]

    outcome.step(f"{SERVERS} servers that answer")
    node.write_config(replace(config, services=tuple(live)))
    node.start()
    alone = measure(lab, outcome, "live")

    outcome.step(f"{SERVERS} more that do not")
    node.write_config(replace(config, services=(*live, *dead)))
    node.reload()
    wait_for("all dead ones are down", lambda: count(lab, "dead", "down"))
    outcome.check(True, f"{SERVERS} dead servers are down")
    among = measure(lab, outcome, "live_among_dead")
    outcome.check(
        among["checks_per_s"] >= 0.8 * alone["checks_per_s"],
        f"live servers are checked as often: {among['checks_per_s']:.0f} a second, "
        f"{alone['checks_per_s']:.0f} before",
    )


def section(name: str, part: int, network: str) -> str:
    first = part * PER_BACKEND
    lines = [
        f"listen {name}{part}",
        f"    bind {VIRTUAL_ADDRESS}:{8000 + part + (100 if name == 'dead' else 0)}",
        "    timeout connect 1s",
        *(
            f"    server s{index} {network}.{index // 250 + 1}.{index % 250 + 1}:{WEB_PORT}"
            " check inter 1s rise 2 fall 2"
            for index in range(first, first + PER_BACKEND)
        ),
    ]
    return "\n".join(lines)


def measure(lab: Lab, outcome: Outcome, name: str) -> dict[str, float]:
    """Of the servers that answer, once all are known to be up. Nobody asks for the status meanwhile:
    of so many servers that takes longer than their checks."""
    node = lab.node("lb1")
    wait_for(
        "all live servers have been checked",
        lambda: sum(s["state"] == "up" and s["check"]["checks"] > 0 for s in servers(lab, "live")),
    )
    before, asked = servers(lab, "live"), time.monotonic()
    time.sleep(1)
    pid = node.pids(CONTROL_PLANE)[0]
    cpu, began = cpu_s(pid), time.monotonic()
    time.sleep(MEASURED_S)
    used, took = cpu_s(pid) - cpu, time.monotonic() - began
    after, passed = servers(lab, "live"), time.monotonic() - asked
    known = {server["address"]: server["check"] for server in before}
    checks = sum(s["check"]["checks"] - known[s["address"]]["checks"] for s in after)
    failures = sum(s["check"]["failures"] - known[s["address"]]["failures"] for s in after)
    durations = sorted(s["check"]["duration_ms"] for s in after)
    figures = {
        "core_percent": round(used / took * 100, 1),
        "checks_per_s": round(checks / passed, 1),
        "median_ms": round(statistics.median(durations), 3),
        "p99_ms": round(durations[len(durations) * 99 // 100], 3),
        "resident_mb": round(resident_mb(pid), 1),
    }
    outcome.check(failures == 0, f"{checks} checks in {passed:.1f} s, {failures} failed: {figures}")
    outcome.figure(**{name: figures})
    return figures


def wait_for(what: str, count_them: Callable[[], int]) -> None:
    """Until there are SERVERS of them. Asks rarely, for the same reason."""
    deadline = time.monotonic() + SETTLED_S
    while (found := count_them()) != SERVERS:
        if time.monotonic() > deadline:
            raise LabError(f"waited {SETTLED_S:.0f} s in vain until {what}: {found} of {SERVERS}")
        time.sleep(2)


def servers(lab: Lab, name: str) -> list[dict]:
    services = (lab.node("lb1").status() or {}).get("services", [])
    return [s for service in services if service["name"].startswith(name) for s in service["servers"]]


def count(lab: Lab, name: str, state: str) -> int:
    return sum(server["state"] == state for server in servers(lab, name))


def cpu_s(pid: int) -> float:
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    return int(open(f"/proc/{pid}/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


SCENARIO = Scenario(
    "many-servers", "5,000 servers checked every second, and as many dead ones beside them", run
)
