"""Two members of a Galera cluster, checked through carpool-probe: synced, desynced, and outside the
primary component."""

import random
from dataclasses import replace

from .. import galera, health_agent
from ..config import LabConfig
from ..health_agent import HealthAgent
from ..lab import Lab
from ..outcome import Outcome
from ..servers import MARIADB_INIT
from ..topology import DB_PORT
from .health_course import DETECTION_S, PROBE_OPTIONS, HealthCourse, checked_listener
from .scenario import Scenario

CLUSTER, DONORS = "cluster", "donors"
CLUSTER_CHECK, DONORS_CHECK = 9200, 9201
PORTS = {CLUSTER: DB_PORT, DONORS: 3307}
SERVICES = (
    checked_listener(CLUSTER, PORTS[CLUSTER], CLUSTER_CHECK),
    checked_listener(DONORS, PORTS[DONORS], DONORS_CHECK),
)
# Until the members believe that they have lost each other, and until they are together again.
PARTITION_S, REUNION_S = 15.0, 40.0


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    course = HealthCourse(lab, outcome, PORTS)
    bring_up(lab, outcome, replace(config, services=SERVICES))
    synced(course)
    desynced(course)
    partition(course)
    outcome.figure(detection_ms=course.detection_ms)


def bring_up(lab: Lab, outcome: Outcome, config: LabConfig) -> None:
    outcome.step("a cluster of two, a strict probe and one that accepts donors on each, the pair")
    lab.up_network()
    lab.prepare_databases()
    galera.prepare(lab.db)
    db1, db2 = lab.db
    galera.start_first(db1)
    health_agent.create_user(db1)
    db1.sql(MARIADB_INIT)
    db2.start()
    galera.wait_synced(db2)
    for db in lab.db:
        HealthAgent(db, CLUSTER_CHECK, ["galera"], PROBE_OPTIONS).start()
        HealthAgent(db, DONORS_CHECK, ["galera", "--donor-ok"], PROBE_OPTIONS).start()
    lab.up_nodes(config)
    lab.node("lb1").wait_group("MASTER")
    lab.node("lb2").wait_group("BACKUP")


def synced(course: HealthCourse) -> None:
    course.outcome.step("both are synced")
    for service in PORTS:
        for db in course.lab.db:
            course.expect(service, db, "UP", "", 10)
        course.expect_traffic(service, course.lab.db)


def desynced(course: HealthCourse) -> None:
    db1, db2 = course.lab.db
    course.outcome.step("db2 is desynced, as while it brings another member up to date")
    db2.sql("SET GLOBAL wsrep_desync = ON")
    course.expect(CLUSTER, db2, "DOWN", "Donor/Desynced", measured_as="desynced")
    course.expect(DONORS, db2, "UP", "")
    course.expect_traffic(CLUSTER, [db1])
    course.expect_traffic(DONORS, [db1, db2])
    db2.sql("SET GLOBAL wsrep_desync = OFF")
    course.expect(CLUSTER, db2, "UP", "", measured_as="synced_again")


def partition(course: HealthCourse) -> None:
    db1, db2 = course.lab.db
    course.outcome.step("db2 loses the other member, which counts more")
    galera.cut(db2, [db1])
    within_s = PARTITION_S + DETECTION_S
    course.expect(CLUSTER, db2, "DOWN", "cluster status is", within_s, measured_as="non_primary")
    course.expect(DONORS, db2, "DOWN", "cluster status is")
    for service in PORTS:
        course.expect(service, db1, "UP", "")
    course.expect_traffic(CLUSTER, [db1])
    galera.mend(db2, [db1])
    course.expect(CLUSTER, db2, "UP", "", REUNION_S, measured_as="reunited")
    course.expect_traffic(CLUSTER, [db1, db2])


SCENARIO = Scenario(
    "galera-health", "two Galera nodes: synced, desynced, outside the primary component", run
)
