"""A database under sysbench's OLTP load while its appliances die one after the other: every
connection goes on as it was, so the application sees a pause and nothing else."""

import random
import statistics
import time
from dataclasses import replace

from .. import measure
from ..config import LabConfig
from ..lab import Lab
from ..load import Sysbench
from ..outcome import Outcome
from ..process import wait_until
from .scenario import Scenario

THREADS = 32
TAKEOVER_S = 3.4 + 1.5
RETURN_S = 30


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    failovers = 10 if config.long else 2
    # The two databases of the lab are not each other's copies.
    lab.up(replace(config, db_servers=config.db_servers[:1]))
    lb1, lb2 = lab.node("lb1"), lab.node("lb2")
    outcome.step(f"sysbench oltp_read_write, {THREADS} connections")
    lab.clients.sysbench_prepare()
    load = lab.clients.sysbench(THREADS)
    pulse = lab.clients.ping_pong(20, 500)
    wait_until("lb2 knows the connections", lambda: lb2.flows() >= THREADS + 20, 20)
    time.sleep(2 + rng.random())

    kills = []
    for turn in range(failovers):
        dies, takes = (lb1, lb2) if lb1.group_state() == "MASTER" else (lb2, lb1)
        outcome.step(f"SIGKILL to every process of {dies.name} ({turn + 1} of {failovers})")
        kills.append(time.monotonic())
        dies.kill()
        takes.wait_group("MASTER", TAKEOVER_S)
        time.sleep(1 + rng.random())
        dies.start()
        # The preferred node takes its address back once it knows the connections.
        lb1.wait_group("MASTER", RETURN_S)
        lb2.wait_group("BACKUP", RETURN_S)
        wait_until(
            "both are in sync",
            lambda: lb1.mirror_state() == lb2.mirror_state() == "in sync",
            RETURN_S,
        )
        outcome.check(load.is_alive(), f"sysbench goes on after failover {turn + 1}")
        time.sleep(1 + rng.random())

    result = load.stop()
    talk = pulse.stop()
    pauses = [measure.longest_pause(talk, at - 0.5, at + TAKEOVER_S) for at in kills]
    outcome.check(
        result.is_clean and result.transactions > 100,
        f"{result.transactions} transactions, {result.reconnects} reconnects, "
        f"errors: {result.errors or 'none'}",
    )
    outcome.check(not [c for c in talk if c["lost"]], "no other connection is lost either")
    outcome.check(max(pauses) < TAKEOVER_S + 1, f"pauses {[round(p, 2) for p in pauses]} s")
    outcome.figure(
        connections=THREADS,
        failovers=len(kills),
        transactions=result.transactions,
        transactions_per_s=result.transactions_per_s,
        reconnects=result.reconnects,
        deadlocks=result.ignored,
        errors=len(result.errors),
        pause_ms=[measure.milliseconds(pause) for pause in pauses],
        pause_median_ms=measure.milliseconds(statistics.median(pauses)),
    )


SCENARIO = Scenario(
    "mysql-failover", "sysbench goes on through failovers: no error, no reconnect", run
)
