"""Traffic of every kind through the virtual address, shared out fairly, and the loss of a server
under load."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

from .. import measure
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from .scenario import Scenario

WRK_SECONDS = 4
# Two checks have to fail, half a second apart, and the second one may just have passed.
DETECTION_S = 1.5
RETURN_S = 3.0


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    lab.up(config)
    http_shares(lab, outcome)
    http_load(lab, outcome)
    database(lab, outcome)
    server_loss(lab, outcome, rng.choice([server.name for server in lab.web]))
    counters_add_up(lab, outcome)


def fair(shares: dict[str, int], names: list[str], least: float) -> bool:
    """Whether each of the names got at least this part of an equal share, and nobody else
    anything."""
    total = sum(shares.values())
    return set(shares) == set(names) and min(shares.values()) >= least * total / len(names)


def http_shares(lab: Lab, outcome: Outcome) -> None:
    outcome.step("a new connection every 10 ms for 3 s")
    prober = lab.clients.http_prober()
    time.sleep(3)
    attempts = prober.stop()
    shares = measure.shares([attempt["server"] for attempt in measure.successes(attempts)])
    errors = measure.errors(attempts)
    outcome.check(
        len(attempts) >= 200 and not errors,
        f"{len(attempts)} connections, errors: {errors or 'none'}",
    )
    outcome.check(
        fair(shares, [s.name for s in lab.web], 0.9), f"each web server has its share: {shares}"
    )
    outcome.figure(http_shares=shares)


def http_load(lab: Lab, outcome: Outcome) -> None:
    for close, connections, label in ((False, 32, "keep-alive"), (True, 16, "connection-close")):
        outcome.step(f"wrk, {label}, {connections} connections, {WRK_SECONDS} s")
        before = [server.requests() for server in lab.web]
        result = lab.clients.wrk(WRK_SECONDS, connections, close).result()
        served = {server.name: server.requests() - start for server, start in zip(lab.web, before)}
        outcome.check(
            result.requests > 0 and result.errors == 0,
            f"{result.requests} requests, {result.requests_per_s:.0f}/s, {result.errors} errors",
        )
        if result.errors:
            outcome.step(result.text)
        outcome.check(fair(served, [s.name for s in lab.web], 0.5), f"requests by server: {served}")
        outcome.figure(**{f"wrk_{label.replace('-', '_')}_rps": round(result.requests_per_s)})


def database(lab: Lab, outcome: Outcome) -> None:
    names = [server.name for server in lab.db]
    outcome.step("30 short MariaDB connections, one after the other")
    shares = measure.shares([lab.clients.query("SELECT @@report_host") for _ in range(30)])
    outcome.check(fair(shares, names, 0.5), f"each database has its share: {shares}")
    outcome.figure(db_shares=shares)

    outcome.step("8 MariaDB connections at once, one second each")
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lab.clients.query, ["SELECT @@report_host FROM (SELECT SLEEP(1)) AS pause"] * 8
            )
        )
    outcome.check(
        fair(measure.shares(answers), names, 0.75), f"least connections: {measure.shares(answers)}"
    )

    size = 4_000_000
    answer = lab.clients.query(f"SET SESSION max_statement_time = 0; SELECT REPEAT('x', {size})")
    outcome.check(answer == "x" * size, f"a result of {size} bytes arrives whole")


def server_loss(lab: Lab, outcome: Outcome, victim: str) -> None:
    server = lab.web_server(victim)
    outcome.step(f"SIGKILL to {victim}'s nginx under load")
    prober = lab.clients.http_prober()
    time.sleep(1)
    killed = time.monotonic()
    server.kill()
    for node in lab.nodes:
        node.wait_server("web", victim, "DOWN", DETECTION_S + 1)
    time.sleep(max(0.0, killed + DETECTION_S + 1.5 - time.monotonic()))
    attempts = prober.stop()

    during = [a for a in attempts if killed <= a["at"] < killed + DETECTION_S]
    after = [a for a in attempts if a["at"] >= killed + DETECTION_S]
    last_error = max((a["at"] - killed for a in attempts if not a["ok"]), default=0.0)
    outcome.check(
        not measure.errors([a for a in attempts if a["at"] < killed - 0.5]), "no errors before"
    )
    outcome.check(
        len(after) > 50 and not measure.errors(after),
        f"no errors later than {DETECTION_S} s after the kill: "
        f"{measure.errors(after) or 'none'} of {len(after)} "
        f"(before: {measure.errors(during)} of {len(during)})",
    )
    outcome.check(
        victim not in measure.shares([a["server"] for a in measure.successes(after)]),
        f"{victim} is out of rotation and shown DOWN",
    )
    outcome.figure(server_out_ms=measure.milliseconds(last_error))

    outcome.step(f"{victim}'s nginx starts again")
    started = time.monotonic()
    server.start()
    for node in lab.nodes:
        node.wait_server("web", victim, "UP", RETURN_S)
    outcome.figure(server_back_ms=measure.milliseconds(time.monotonic() - started))
    prober = lab.clients.http_prober()
    time.sleep(1.5)
    attempts = prober.stop()
    shares = measure.shares([a["server"] for a in measure.successes(attempts)])
    outcome.check(
        not measure.errors(attempts) and fair(shares, [s.name for s in lab.web], 0.8),
        f"{victim} is back in rotation: {shares}, errors: {measure.errors(attempts) or 'none'}",
    )


def counters_add_up(lab: Lab, outcome: Outcome) -> None:
    outcome.step("counters of the data plane")
    for node in lab.nodes:
        counters = (node.status() or {}).get("counters", {})
        received, verdicts = counters.get("received", 0), sum(counters.get("verdicts", {}).values())
        outcome.check(
            received > 0 and received == verdicts,
            f"{node.name}: {received} packets received, verdicts add up to {verdicts}",
        )


SCENARIO = Scenario("basic", "HTTP and MariaDB load, fair shares, a server lost and found", run)
