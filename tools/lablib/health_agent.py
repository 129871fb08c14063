"""carpool-probe on a database's host: the health agent that load balancers ask."""

from pathlib import Path

from .appliance import PROBE
from .process import LabError, is_alive, is_listening, run, start_daemon, wait_until
from .servers import MariaDb

USER = "probe"
PASSWORD = "a probe's secret"


class HealthAgent:
    def __init__(self, server: MariaDb, port: int, mode: list[str], options: list[str] = []):
        self.server, self.port = server, port
        self.credentials = server.dir / f"probe-{port}.cnf"
        self.down_file = server.dir / f"probe-{port}.down"
        self.log = server.dir / f"probe-{port}.log"
        self.mode, self.options = mode, options
        self.pid = 0

    def command(self) -> list[str]:
        """Mode, credentials and down file; neither how it runs nor where it listens."""
        return [
            str(PROBE),
            *self.mode,
            "--credentials",
            str(self.credentials),
            "--down-file",
            str(self.down_file),
            *self.options,
        ]

    def write_credentials(self, password: str = PASSWORD) -> None:
        """It reads them again for every check."""
        new = self.credentials.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(
            f"[client]\nuser = {USER}\npassword = \"{password}\"\nsocket = {self.server.socket}\n"
        )
        new.rename(self.credentials)

    def start(self) -> None:
        if not PROBE.exists():
            raise LabError(f"{PROBE} is not built: meson setup build && ninja -C build")
        self.write_credentials()
        command = [*self.command(), "--listen", f"{self.server.address}:{self.port}"]
        network, host = self.server.network, self.server.name
        # The same process: 'ip netns exec' becomes the program.
        self.pid = start_daemon(network.command(host, command), self.log).pid
        wait_until(
            f"the probe on {host} listens on {self.port}",
            lambda: not is_alive(self.pid) or is_listening(self.pid, self.port),
            10,
        )
        if not is_alive(self.pid):
            raise LabError(f"the probe on {host} ended: {Path(self.log).read_text().strip()}")

    def verdict(self) -> str:
        """What it says when asked by hand, in a process of its own."""
        command = self.server.network.command(self.server.name, [*self.command(), "--once"])
        return run(command, check=False).stdout.strip()


def create_user(server: MariaDb) -> None:
    """The probe's account, on this server alone."""
    server.sql(
        "SET SESSION sql_log_bin = 0;"
        f"CREATE USER '{USER}'@'localhost' IDENTIFIED BY '{PASSWORD.replace(chr(39), chr(39) * 2)}';"
        f"GRANT REPLICA MONITOR ON *.* TO '{USER}'@'localhost';"
    )
