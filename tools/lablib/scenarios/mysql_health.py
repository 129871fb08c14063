"""Two MariaDB servers in replication, checked through carpool-probe and, by listeners of their own,
by logging in from the appliances: whatever happens to them, the right one is in rotation within the
configured time, the status says why, and traffic follows. Servers that count as down until a check
has passed (`init-state`) get nothing before that."""

import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace

from .. import health_agent, replication
from ..config import LabConfig
from ..health_agent import HealthAgent
from ..lab import Lab
from ..outcome import Outcome
from ..process import send_signal
from ..servers import DB_PASSWORD, DB_USER, MariaDb
from ..topology import DB_PORT
from .health_course import (
    DETECTION_S,
    PROBE_OPTIONS,
    SLOW_DETECTION_S,
    HealthCourse,
    checked_listener,
    native_listener,
)
from .scenario import Scenario

WRITER, READER = "writer", "reader"
# The same roles, checked without a probe.
NATIVE_WRITER, NATIVE_READER = "native-writer", "native-reader"
NATIVE = {WRITER: NATIVE_WRITER, READER: NATIVE_READER}
WRITER_CHECK, READER_CHECK = 9200, 9201
PORTS = {WRITER: DB_PORT, READER: 3307, NATIVE_WRITER: 3316, NATIVE_READER: 3317}
MAX_LAG_S = 2
CHECKER, CHECKER_PASSWORD = "checker", "a checker's secret"
SERVICES = (
    checked_listener(WRITER, PORTS[WRITER], WRITER_CHECK),
    checked_listener(READER, PORTS[READER], READER_CHECK),
    native_listener(
        NATIVE_WRITER, PORTS[NATIVE_WRITER], CHECKER, CHECKER_PASSWORD, "writable"
    ),
    native_listener(
        NATIVE_READER, PORTS[NATIVE_READER], CHECKER, CHECKER_PASSWORD,
        f"replica max-lag {MAX_LAG_S}",
    ),
)
FEWEST_MAX_CONNECTIONS = 10


class Course(HealthCourse):
    def __init__(self, lab: Lab, outcome: Outcome):
        super().__init__(lab, outcome, PORTS)
        self.db1, self.db2 = lab.db
        self.writer_agents = [
            HealthAgent(db, WRITER_CHECK, ["writable"], PROBE_OPTIONS) for db in lab.db
        ]
        self.reader_agents = [
            HealthAgent(db, READER_CHECK, ["replica", "--max-lag", f"{MAX_LAG_S}s"], PROBE_OPTIONS)
            for db in lab.db
        ]


    def expect_role(
        self,
        role: str,
        server: MariaDb,
        state: str,
        text: str,
        within_s: float = DETECTION_S,
        measured_as: str = "",
        native_text: str | None = None,
    ) -> None:
        """By the probe and by the check of our own, in whose words it may read otherwise. Both have
        the same time; what is measured of the second is not less than what the first took."""
        begin = time.monotonic()
        measured_native = f"{measured_as}_native" if measured_as else ""
        self.expect(role, server, state, text, within_s, measured_as, begin)
        native = text if native_text is None else native_text
        self.expect(NATIVE[role], server, state, native, within_s, measured_native, begin)

    def expect_role_traffic(self, role: str, servers: list[MariaDb]) -> None:
        self.expect_traffic(role, servers)
        self.expect_traffic(NATIVE[role], servers)


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    course = Course(lab, outcome)
    bring_up(course, replace(config, services=SERVICES))
    steps: tuple[tuple[str, Callable[[Course], None]], ...] = (
        ("roles: db1 takes writes, db2 is its replica", roles),
        ("db2's SQL thread is stopped", sql_thread_stopped),
        (f"db2 falls more than {MAX_LAG_S} s behind", lagging),
        ("a planned change of roles by read_only", read_only_flipped),
        ("the probe on db1 has a wrong password", wrong_password),
        ("db1 has no connection left", no_connection_left),
        ("db1 is frozen (SIGSTOP), and goes on", frozen),
        ("db1 is killed (SIGKILL), and db2 takes its place", killed),
    )
    for title, step in steps:
        outcome.step(title)
        step(course)
    outcome.figure(detection_ms=course.detection_ms)


def bring_up(course: Course, config: LabConfig) -> None:
    lab = course.lab
    course.outcome.step("two databases in replication, a probe for each role on each, the pair")
    lab.up_network()
    for db in lab.db:
        db.options = replication.OPTIONS
    lab.up_databases()
    for db in lab.db:
        health_agent.create_user(db)
        create_checker(db)
    replication.start(course.db1, course.db2)
    for agent in (*course.writer_agents, *course.reader_agents):
        agent.start()
    lab.up_nodes(config)
    lab.node("lb1").wait_group("MASTER")
    lab.node("lb2").wait_group("BACKUP")


def roles(course: Course) -> None:
    start_s = 10.0
    course.expect_role(WRITER, course.db1, "UP", "", start_s)
    course.expect_role(WRITER, course.db2, "DOWN", "read_only is ON", start_s)
    course.expect_role(READER, course.db2, "UP", "", start_s)
    course.expect_role(READER, course.db1, "DOWN", "not a replica", start_s)
    course.expect_role_traffic(WRITER, [course.db1])
    course.expect_role_traffic(READER, [course.db2])


def sql_thread_stopped(course: Course) -> None:
    course.db2.sql("STOP SLAVE SQL_THREAD")
    course.expect_role(READER, course.db2, "DOWN", "SQL thread", measured_as="sql_thread_stopped")
    course.expect_role_traffic(READER, [])
    course.db2.sql("START SLAVE SQL_THREAD")
    course.expect_role(READER, course.db2, "UP", "", measured_as="sql_thread_started")


def lagging(course: Course) -> None:
    set_delay(course.db2, 3600)
    replication.write(course.db1)
    course.expect_role(
        READER, course.db2, "DOWN", " s behind", DETECTION_S + MAX_LAG_S + 1, "lagging_incl_lag"
    )
    course.expect_role_traffic(READER, [])
    set_delay(course.db2, 0)
    course.expect_role(READER, course.db2, "UP", "", measured_as="caught_up")
    course.expect_role_traffic(READER, [course.db2])


def set_delay(replica: MariaDb, seconds: int) -> None:
    replica.sql(f"STOP SLAVE; CHANGE MASTER TO MASTER_DELAY={seconds}; START SLAVE")


def read_only_flipped(course: Course) -> None:
    course.db1.sql("SET GLOBAL read_only = ON")
    course.expect_role(WRITER, course.db1, "DOWN", "read_only is ON", measured_as="read_only")
    course.expect_role_traffic(WRITER, [])
    course.db2.sql("SET GLOBAL read_only = OFF")
    course.expect_role(WRITER, course.db2, "UP", "", measured_as="writable")
    course.expect_role_traffic(WRITER, [course.db2])
    course.db2.sql("SET GLOBAL read_only = ON")
    course.db1.sql("SET GLOBAL read_only = OFF")
    course.expect_role(WRITER, course.db1, "UP", "")
    course.expect_role(WRITER, course.db2, "DOWN", "read_only is ON")
    course.expect_role_traffic(WRITER, [course.db1])


def wrong_password(course: Course) -> None:
    agent = course.writer_agents[0]
    agent.write_credentials("not the password")
    course.expect(WRITER, course.db1, "DOWN", "Access denied", measured_as="wrong_password")
    course.expect_traffic(WRITER, [])
    agent.write_credentials()
    course.expect(WRITER, course.db1, "UP", "")
    set_checker_password(course.db1, "another password")
    course.expect(
        NATIVE_WRITER, course.db1, "DOWN", "Access denied", measured_as="wrong_password_native"
    )
    course.expect_traffic(NATIVE_WRITER, [])
    set_checker_password(course.db1, CHECKER_PASSWORD)
    course.expect(NATIVE_WRITER, course.db1, "UP", "")


def create_checker(db: MariaDb) -> None:
    """The account that the appliances log in with, on this server alone."""
    db.sql(
        "SET SESSION sql_log_bin = 0;"
        f"CREATE USER '{CHECKER}'@'10.0.0.%' IDENTIFIED BY '{quoted(CHECKER_PASSWORD)}';"
        f"GRANT REPLICA MONITOR ON *.* TO '{CHECKER}'@'10.0.0.%'"
    )


def set_checker_password(db: MariaDb, password: str) -> None:
    db.sql(
        "SET SESSION sql_log_bin = 0;"
        f"ALTER USER '{CHECKER}'@'10.0.0.%' IDENTIFIED BY '{quoted(password)}'"
    )


def quoted(text: str) -> str:
    return text.replace("'", "''")


def no_connection_left(course: Course) -> None:
    course.db1.sql(f"SET GLOBAL max_connections = {FEWEST_MAX_CONNECTIONS}")
    hogs = [hog(course.lab, course.db1) for _ in range(FEWEST_MAX_CONNECTIONS + 2)]
    try:
        course.expect_role(
            WRITER, course.db1, "DOWN", "Too many connections", measured_as="max_connections"
        )
    finally:
        for process in hogs:
            process.kill()
            process.wait()
    # Root has a connection in reserve. The others' queries go on sleeping without their clients.
    course.db1.sql("SET GLOBAL max_connections = 151")
    course.expect_role(WRITER, course.db1, "UP", "")
    course.expect_role_traffic(WRITER, [course.db1])


def hog(lab: Lab, server: MariaDb) -> subprocess.Popen:
    """A client that holds a connection until it is killed."""
    command = [
        "mariadb",
        "--no-defaults",
        f"--socket={server.socket}",
        f"--user={DB_USER}",
        f"--password={DB_PASSWORD}",
        "--execute=SELECT SLEEP(60)",
    ]
    return subprocess.Popen(
        lab.network.command(server.name, command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def frozen(course: Course) -> None:
    send_signal(course.db1.pids(), signal.SIGSTOP)
    try:
        course.expect_role(
            WRITER,
            course.db1,
            "DOWN",
            "does not answer",
            SLOW_DETECTION_S,
            measured_as="frozen",
            native_text="timeout",
        )
    finally:
        send_signal(course.db1.pids(), signal.SIGCONT)
    course.expect_role(WRITER, course.db1, "UP", "", SLOW_DETECTION_S, measured_as="thawed")
    course.expect_role_traffic(WRITER, [course.db1])


def killed(course: Course) -> None:
    course.db1.kill()
    course.expect_role(
        WRITER,
        course.db1,
        "DOWN",
        "cannot connect to MySQL",
        measured_as="killed",
        native_text="Connection refused",
    )
    # Whoever is not told otherwise sees that the link to the primary is gone.
    course.expect_role(READER, course.db2, "DOWN", "IO thread")
    course.db2.sql("STOP SLAVE; SET GLOBAL read_only = OFF")
    course.expect_role(WRITER, course.db2, "UP", "", measured_as="promoted")
    course.expect_role_traffic(WRITER, [course.db2])


SCENARIO = Scenario(
    "mysql-health", "two databases in replication and all that can befall them, by probe", run
)
