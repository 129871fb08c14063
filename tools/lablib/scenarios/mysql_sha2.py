"""Logins by caching_sha2_password, as MySQL 8 has them: by RSA and over TLS, with and without the
server's cache, by carpool's check, by carpool-probe, and by MariaDB's client as a judge of the
server."""

import json
import random
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from ..appliance import PROBE
from ..certificates import Authority, Wish
from ..config import LabConfig
from ..lab import Lab
from ..load import PROBES
from ..outcome import Outcome
from ..process import LabError, is_listening, kill_processes, run as run_command, start_daemon, wait_until
from ..topology import DB_SERVERS, VIRTUAL_ADDRESS
from .scenario import Scenario

HOST = DB_SERVERS[0]
USER, PASSWORD = "checker", "a checker's secret"
VERDICT_S = 10.0


@dataclass(frozen=True)
class Way:
    """How a password that the server does not remember gets there safely."""

    name: str
    port: int
    full: str  # as the server calls it
    option: str
    server: str
    client: tuple[str, ...]
    probe: str


WAYS = (
    Way("rsa", 3306, "full by RSA", "", "", ("--skip-ssl",), "skip-ssl"),
    Way("tls", 3307, "full over TLS", "tls", "ca-file {ca} verifyhost db1.lab.example", ("--ssl",),
        "ssl-ca = {ca}"),
)


class Sha2Server:
    """probes/sha2_server.py on the host of a database."""

    def __init__(self, lab: Lab, way: Way, authority: Authority):
        self.lab, self.way = lab, way
        self.dir = lab.dir / f"sha2-{way.name}"
        self.dir.mkdir()
        self.state, self.log = self.dir / "state.json", self.dir / "log"
        self.key = self.dir / "login.pem"
        run_command(["openssl", "genpkey", "-algorithm", "RSA", "-out", str(self.key)])
        self.certificate: list[str] = []
        if way.option == "tls":
            self.certificate = ["--certificate", *map(str, authority.issue("db1", Wish("db1.lab.example")))]
        self.wanted = {
            "user": USER,
            "password": PASSWORD,
            "remembers": True,
            "variables": {"read_only": "OFF", "super_read_only": "OFF"},
        }
        self.pid = 0

    def set(self, **wanted) -> None:
        self.wanted.update(wanted)
        fresh = self.state.with_suffix(".new")
        fresh.write_text(json.dumps(self.wanted))
        fresh.rename(self.state)

    def start(self) -> None:
        self.set()
        self.log.write_text("")
        command = [sys.executable, "-B", str(PROBES / "sha2_server.py"), HOST.address,
                   str(self.way.port), str(self.state), str(self.log), "--key", str(self.key),
                   *self.certificate]
        self.pid = start_daemon(self.lab.network.command(HOST.name, command), self.dir / "out").pid
        wait_until("the server listens", lambda: is_listening(self.pid, self.way.port), 10)

    def stop(self) -> None:
        kill_processes([self.pid])

    def logins(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def wait_login(self, login: str) -> None:
        wait_until(
            f"a login '{login}' ({self.way.name})",
            lambda: any(entry["login"] == login for entry in self.logins()),
            VERDICT_S,
        )


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    lab.up_network()
    authority = Authority(lab.dir / "certificates")
    servers = [Sha2Server(lab, way, authority) for way in WAYS]
    node = lab.node("lb1")
    try:
        for server in servers:
            server.start()
        outcome.step("MariaDB's client logs in: in full, then from the server's cache")
        for server in servers:
            judge_server(lab, server, outcome)
        node.write_config(replace(config, services=tuple(listener(way, authority.ca) for way in WAYS)))
        node.start()
        for server in servers:
            server.stop()
            server.start()  # its cache is empty again
        outcome.step("carpool's check: a cold cache is no failure")
        for server in servers:
            expect(lab, outcome, server.way, "UP", "writable")
            server.wait_login("fast")
            first = server.logins()[0]["login"]
            outcome.check(first == server.way.full, f"{server.way.name}: the first login is {first}")
            server.set(remembers=False)
        outcome.step("servers that forget: every login is a full one")
        for server in servers:
            server.stop()
            server.start()
            wait_until("five logins", lambda s=server: len(s.logins()) >= 5, VERDICT_S)
            ways = {entry["login"] for entry in server.logins()}
            outcome.check(ways == {server.way.full}, f"{server.way.name}: logins: {ways}")
            expect(lab, outcome, server.way, "UP", "writable")
        outcome.step("read_only, a wrong password, and back")
        for server in servers:
            server.set(variables={"read_only": "ON", "super_read_only": "OFF"})
            expect(lab, outcome, server.way, "DOWN", "read_only is ON")
            server.set(variables={"read_only": "OFF"}, password="another")
            expect(lab, outcome, server.way, "DOWN", "Access denied")
            server.set(password=PASSWORD)
            expect(lab, outcome, server.way, "UP", "writable")
        outcome.step("carpool-probe, in full and from the cache")
        for server in servers:
            server.set(remembers=True)
            for _ in range(2):
                ask_probe(lab, server, authority.ca, outcome)
        for server in servers:
            rude = [entry for entry in server.logins()
                    if entry["login"] != "denied" and entry["left"] != "politely"]
            outcome.check(not rude, f"{server.way.name}: all that were let in left politely: {rude}")
            outcome.figure(**{f"logins_{server.way.name}": len(server.logins())})
    finally:
        for server in servers:
            server.stop()


def listener(way: Way, ca: Path) -> str:
    options = " ".join(filter(None, ("check inter 300ms rise 2 fall 2", way.server)))
    words = " ".join(filter(None, (way.option, "expect writable")))
    return "\n".join(
        (
            f"listen {way.name}",
            f"    bind {VIRTUAL_ADDRESS}:{way.port}",
            f'    option mysql-check user {USER} password "{PASSWORD}" {words}',
            "    timeout check 3s",
            f"    server db1 {HOST.address}:{way.port} {options}".replace("{ca}", str(ca)),
        )
    )


def expect(lab: Lab, outcome: Outcome, way: Way, state: str, text: str) -> None:
    node = lab.node("lb1")

    def shown() -> bool:
        entry = node.servers(way.name).get("db1", {})
        said = entry.get("check", {}).get("text", "")
        return entry.get("state", "").upper() == state and text in said

    try:
        wait_until("shown", shown, VERDICT_S)
    except LabError:
        outcome.require(False, f"{way.name} is {state}, '{text}'; it is {node.servers(way.name)}")
    outcome.check(True, f"{way.name} is {state}: {text}")


def judge_server(lab: Lab, server: Sha2Server, outcome: Outcome) -> None:
    command = ["mariadb", "--no-defaults", f"--host={HOST.address}", f"--port={server.way.port}",
               f"--user={USER}", *server.way.client, "--batch", "--skip-column-names",
               "--execute=SHOW GLOBAL VARIABLES"]
    for _ in range(2):
        answer = lab.network.run("lb1", [*command, f"--password={PASSWORD}"])
        outcome.check("read_only\tOFF" in answer.stdout, f"{server.way.name}: MariaDB's client is let in")
    refused = lab.network.run("lb1", [*command, "--password=another"], check=False)
    logins = [entry["login"] for entry in server.logins()]
    outcome.check(
        "Access denied" in refused.stderr and logins == [server.way.full, "fast", "denied"],
        f"{server.way.name}: the server let it in as {logins}",
    )


def ask_probe(lab: Lab, server: Sha2Server, ca: Path, outcome: Outcome) -> None:
    credentials = server.dir / "probe.cnf"
    credentials.touch(mode=0o600)
    credentials.write_text(
        f'[client]\nuser = {USER}\npassword = "{PASSWORD}"\nhost = {HOST.address}\n'
        f"port = {server.way.port}\n{server.way.probe}\n".replace("{ca}", str(ca))
    )
    command = [str(PROBE), "writable", "--once", "--credentials", str(credentials)]
    answer = lab.network.run("lb1", command, check=False)
    said = (answer.stdout + answer.stderr).strip()
    outcome.check(answer.returncode == 0, f"{server.way.name}: carpool-probe says {said}")


SCENARIO = Scenario(
    "mysql-sha2", "logins by caching_sha2_password: by RSA, over TLS, with a cold cache", run
)
