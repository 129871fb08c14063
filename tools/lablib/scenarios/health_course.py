"""What scenarios about health checks share: how servers are checked, and what is expected of them
afterwards."""

import time

from .. import measure
from ..config import ServerLine
from ..lab import Lab
from ..outcome import Outcome
from ..process import LabError, wait_until
from ..servers import MariaDb
from ..topology import DB_PORT, DB_SERVERS, VIRTUAL_ADDRESS

INTER_S, RISE, FALL = 0.5, 2, 2
PROBE_TIMEOUT_S, CACHE_S = 1.0, 0.2
PROBE_OPTIONS = ["--timeout", f"{PROBE_TIMEOUT_S:.0f}s", "--cache", f"{CACHE_S * 1000:.0f}ms"]
# What two busy cores add to everything.
NOISE_S = 2.0
# A change just after a check, the answer that the probe still keeps, and the checks that follow.
DETECTION_S = CACHE_S + (FALL + 1) * INTER_S + NOISE_S
# The same where each answer takes as long as the probe may.
SLOW_DETECTION_S = DETECTION_S + FALL * PROBE_TIMEOUT_S


def checked_listener(name: str, port: int, check_port: int) -> str:
    """Both databases behind a port of the virtual address, checked by HTTP on another."""
    options = f"check port {check_port} inter {INTER_S * 1000:.0f}ms rise {RISE} fall {FALL}"
    return "\n".join(
        (
            f"listen {name}",
            f"    bind {VIRTUAL_ADDRESS}:{port}",
            "    option httpchk",
            "    timeout check 3s",
            *(str(ServerLine(host.name, host.address, DB_PORT, options)) for host in DB_SERVERS),
        )
    )


def native_listener(name: str, port: int, user: str, password: str, expects: str) -> str:
    """The same, checked by logging in and asking, without anything on the databases' hosts."""
    options = f"check inter {INTER_S * 1000:.0f}ms rise {RISE} fall {FALL}"
    return "\n".join(
        (
            f"listen {name}",
            f"    bind {VIRTUAL_ADDRESS}:{port}",
            f'    option mysql-check user {user} password "{password}" expect {expects}',
            f"    timeout check {PROBE_TIMEOUT_S:.0f}s",
            *(str(ServerLine(host.name, host.address, DB_PORT, options)) for host in DB_SERVERS),
        )
    )


def check_text(server: dict) -> str:
    return server.get("check", {}).get("text", "")


class HealthCourse:
    """The lab of one scenario, and what is measured in it."""

    def __init__(self, lab: Lab, outcome: Outcome, ports: dict[str, int]):
        """`ports`: of the virtual address, by service."""
        self.lab, self.outcome, self.ports = lab, outcome, ports
        self.detection_ms: dict[str, float | None] = {}

    def expect(
        self,
        service: str,
        server: MariaDb,
        state: str,
        text: str,
        within_s: float = DETECTION_S,
        measured_as: str = "",
        begin: float | None = None,
    ) -> None:
        """Both nodes show the state, and the text as part of the check's, before the time is up:
        so long after `begin`, else from now on."""
        begin = time.monotonic() if begin is None else begin
        for node in self.lab.nodes:

            def shown() -> bool:
                entry = node.servers(service).get(server.name, {})
                return entry.get("state", "").upper() == state and text in check_text(entry)

            try:
                wait_until("shown", shown, begin + within_s - time.monotonic())
            except LabError:
                found = node.servers(service).get(server.name, {})
                self.outcome.require(
                    False,
                    f"{node.name}: {service}/{server.name} is {state} with '{text}' within "
                    f"{within_s:.1f} s; it is {found.get('state')} with '{check_text(found)}'",
                )
            if node is self.lab.nodes[0] and measured_as:
                self.detection_ms[measured_as] = measure.milliseconds(time.monotonic() - begin)
        took = f" after {self.detection_ms[measured_as]:.0f} ms" if measured_as else ""
        said = f": {text}" if text else ""
        self.outcome.check(True, f"{service}/{server.name} is {state}{took}{said}")

    def expect_traffic(self, service: str, servers: list[MariaDb]) -> None:
        """New connections meet these servers, each of them; or nobody."""
        wanted = {server.name for server in servers} or {""}

        def seen() -> set[str]:
            return {self.lab.clients.database_behind(self.ports[service]) for _ in range(4)}

        try:
            wait_until("traffic follows", lambda: seen() == wanted, NOISE_S)
        except LabError:
            pass
        met = seen()
        names = ", ".join(sorted(filter(None, wanted))) or "nobody"
        self.outcome.check(met == wanted, f"{service}: new connections meet {names}: {met}")
