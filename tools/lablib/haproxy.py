"""Debian's HAProxy as a second judge of the same servers: what it thinks of them, by its stats
socket."""

import csv
import socket
from pathlib import Path

from .network import Network
from .process import LabError, end_processes, start_daemon, tail, wait_until

CONF = """\
global
    stats socket {socket} level admin
    log stdout format raw local0
defaults
    mode tcp
    log global
    timeout connect 5s
    timeout client 1m
    timeout server 1m
{backends}
"""


class HaProxy:
    def __init__(self, network: Network, host: str, run_dir: Path):
        self.network, self.host = network, host
        self.name = f"haproxy on {host}"
        self.dir = run_dir / f"{host}-haproxy"
        self.socket = self.dir / "haproxy.sock"
        self.log = self.dir / "haproxy.log"
        self.pid = 0

    def start(self, backends: str) -> None:
        self.dir.mkdir(parents=True, exist_ok=True)
        conf = self.dir / "haproxy.cfg"
        conf.write_text(CONF.format(socket=self.socket, backends=backends))
        command = ["haproxy", "-db", "-f", str(conf)]
        self.pid = start_daemon(self.network.command(self.host, command), self.log).pid
        wait_until("haproxy answers on its socket", self._answers, 10)

    def stop(self) -> None:
        end_processes([self.pid])

    def _answers(self) -> bool:
        try:
            return bool(self.ask("show info"))
        except OSError:
            return False

    def ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.socket))
            connection.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def server(self, backend: str, server: str) -> dict[str, str]:
        """A line of 'show stat', by the names of its columns."""
        lines = self.ask("show stat").lstrip("# ").splitlines()
        for row in csv.DictReader(lines):
            if (row["pxname"], row["svname"]) == (backend, server):
                return row
        raise LabError(f"haproxy has no server {backend}/{server}")

    def state(self, backend: str, server: str) -> str:
        """UP or DOWN; it also says how far it is on the way to the other ("UP 1/2")."""
        return self.server(backend, server)["status"].split()[0]

    def log_tail(self) -> str:
        return tail(self.log)
