"""The clients of a lab: wrk, the mariadb client and our own probes, each in the background of a
scenario."""

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from .network import Network
from .process import LabError, is_alive, run, send_signal, wait_until
from .servers import DB_NAME, DB_PASSWORD, DB_USER
from .topology import (
    APPLIANCES,
    CLIENT,
    DB_PORT,
    SWITCH,
    VIRTUAL_ADDRESS,
    WAN,
    WEB_PORT,
    switch_port,
)

PROBES = Path(__file__).resolve().parent / "probes"


class Probe:
    """One of probes/ at work in a namespace. Its result is there after stop()."""

    def __init__(
        self, network: Network, host: str, program: str, arguments: list[str], out: Path | None
    ):
        self.out = out
        command = [
            sys.executable,
            "-B",
            str(PROBES / f"{program}.py"),
            *arguments,
            *(["--out", str(out)] if out else []),
        ]
        self.process = subprocess.Popen(
            network.command(host, command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def stop(self) -> list[dict]:
        self.process.send_signal(signal.SIGTERM)
        try:
            _, errors = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, errors = self.process.communicate()
        if self.process.returncode not in (0, -signal.SIGTERM) or (
            self.out and not self.out.exists()
        ):
            raise LabError(
                f"a probe failed (exit status {self.process.returncode}): {errors.strip()}"
            )
        return json.loads(self.out.read_text()) if self.out else []


@dataclass(frozen=True)
class WrkResult:
    requests: int
    requests_per_s: float
    socket_errors: int
    bad_answers: int
    text: str

    @property
    def errors(self) -> int:
        return self.socket_errors + self.bad_answers


def parse_wrk(text: str) -> WrkResult:
    def number(pattern: str) -> float:
        found = re.search(pattern, text)
        return float(found[1]) if found else 0.0

    sockets = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    return WrkResult(
        requests=int(number(r"(\d+) requests in")),
        requests_per_s=number(r"Requests/sec:\s+([\d.]+)"),
        socket_errors=sum(map(int, sockets.groups())) if sockets else 0,
        bad_answers=int(number(r"Non-2xx or 3xx responses: (\d+)")),
        text=text,
    )


class Wrk:
    """HTTP load through the virtual address: keep-alive, or a new connection for each request."""

    def __init__(self, network: Network, seconds: int, connections: int, close: bool = False):
        self.deadline_s = seconds + 20
        header = ["-H", "Connection: close"] if close else []
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--timeout",
            "2s",
            *header,
            f"http://{VIRTUAL_ADDRESS}:{WEB_PORT}/",
        ]
        self.process = subprocess.Popen(
            network.command(CLIENT.name, command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def result(self) -> WrkResult:
        try:
            text, _ = self.process.communicate(timeout=self.deadline_s)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            raise LabError("wrk did not end") from error
        return parse_wrk(text)

    def abandon(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class SysbenchResult:
    transactions: int
    transactions_per_s: float
    reconnects: int
    ignored: int  # deadlocks and the like, which are the databases' own affair
    errors: tuple[str, ...]  # what ended a connection, or sysbench

    @property
    def is_clean(self) -> bool:
        return not self.errors and self.reconnects == 0


def parse_sysbench(text: str) -> SysbenchResult:
    """From its report of every second: whoever stops it gets no summary."""

    def per_second(name: str) -> list[float]:
        return [float(number) for number in re.findall(rf"{name}: ([\d.]+)", text)]

    tps = per_second("tps")
    errors = [line for line in text.splitlines() if "FATAL" in line or line.startswith("ALERT")]
    return SysbenchResult(
        transactions=round(sum(tps)),
        transactions_per_s=round(sum(tps) / len(tps), 1) if tps else 0.0,
        reconnects=round(sum(per_second("reconn/s"))),
        ignored=round(sum(per_second("err/s"))),
        errors=tuple(errors),
    )


SYSBENCH = (
    "sysbench",
    "oltp_read_write",
    "--db-driver=mysql",
    f"--mysql-host={VIRTUAL_ADDRESS}",
    f"--mysql-port={DB_PORT}",
    f"--mysql-user={DB_USER}",
    f"--mysql-password={DB_PASSWORD}",
    f"--mysql-db={DB_NAME}",
    "--tables=4",
    "--table-size=10000",
    "--rand-type=uniform",  # few deadlocks
)


class Sysbench:
    """OLTP load on a database through the virtual address, until it is told to stop."""

    def __init__(self, network: Network, threads: int):
        # A paced load: what is looked for is errors, and the machine has more to do.
        arguments = [f"--threads={threads}", "--time=0", "--rate=100", "--report-interval=1"]
        self.process = subprocess.Popen(
            # By lines: what it has not written when it is killed would be lost.
            network.command(CLIENT.name, ["stdbuf", "-oL", *SYSBENCH, *arguments, "run"]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> SysbenchResult:
        ended_by_itself = not self.is_alive()
        self.process.kill()
        text, _ = self.process.communicate()
        result = parse_sysbench(text)
        if ended_by_itself and not result.errors:
            return replace(result, errors=("sysbench ended by itself",))
        return result


class Clients:
    """Starts clients of one lab and ends those that a scenario left behind."""

    def __init__(self, network: Network, run_dir: Path):
        self.network, self.dir = network, run_dir / CLIENT.name
        self.started: list[subprocess.Popen] = []

    def _probe(self, host: str, program: str, arguments: list[str], writes: bool = True) -> Probe:
        self.dir.mkdir(parents=True, exist_ok=True)
        out = self.dir / f"{program}-{len(self.started)}.json" if writes else None
        probe = Probe(self.network, host, program, arguments, out)
        self.started.append(probe.process)
        return probe

    def http_prober(self, interval_s: float = 0.010, live: bool = False) -> Probe:
        """With `live` each attempt is also a line of JSON on the process's standard output."""
        return self._probe(
            CLIENT.name,
            "http_prober",
            [
                VIRTUAL_ADDRESS,
                str(WEB_PORT),
                "--interval",
                str(interval_s),
                *(["--live"] if live else []),
            ],
        )

    def ping_pong(
        self, connections: int = 4, rate_hz: float = 1000, trace: bool = False
    ) -> Probe:
        """With `trace` each connection also has a list of its answers: when asked, how long it
        took."""
        return self._probe(
            CLIENT.name,
            "ping_pong",
            [
                VIRTUAL_ADDRESS,
                str(WEB_PORT),
                "--connections",
                str(connections),
                "--rate",
                str(rate_hz),
                *(["--trace"] if trace else []),
            ],
        )

    def dns_prober(self, port: int, name: str) -> Probe:
        return self._probe(CLIENT.name, "dns_prober", [VIRTUAL_ADDRESS, str(port), name])

    def syslog_receiver(self, host: str, port: int) -> Probe:
        return self._probe(host, "syslog_receiver", [str(port)])

    def syslog_sender(self, port: int, senders: int, messages: int) -> Probe:
        counts = ["--senders", str(senders), "--messages", str(messages)]
        arguments = [VIRTUAL_ADDRESS, str(port), *counts]
        return self._probe(CLIENT.name, "syslog_sender", arguments, writes=False)

    def tunnel_end(self, host: str, device: str) -> Probe:
        probe = self._probe(host, "tunnel_end", [device], writes=False)
        if probe.process.stdout.readline().strip() != "ready":
            raise LabError(f"the tunnel's end on {host} ended at its start")
        return probe

    def wire_watch(self) -> Probe:
        ports = [f"{switch_port(host.name, WAN)}={host.name}" for host in APPLIANCES]
        probe = self._probe(SWITCH, "wire_watch", [VIRTUAL_ADDRESS, *ports])
        pid = probe.process.pid
        wait_until("the wire watcher listens", lambda: has_packet_sockets(pid, len(ports)), 10)
        return probe

    def arp_prober(self) -> Probe:
        nic = CLIENT.nics[0]
        return self._probe(
            CLIENT.name, "arp_prober", [nic.device, nic.address, VIRTUAL_ADDRESS], writes=False
        )

    def wrk(self, seconds: int, connections: int, close: bool = False) -> Wrk:
        load = Wrk(self.network, seconds, connections, close)
        self.started.append(load.process)
        return load

    def sysbench_prepare(self) -> None:
        """Makes the tables that sysbench works on."""
        self.network.run(CLIENT.name, [*SYSBENCH, "prepare"], timeout_s=60)

    def sysbench(self, threads: int) -> Sysbench:
        load = Sysbench(self.network, threads)
        self.started.append(load.process)
        return load

    def get(self, timeout_s: float = 1.0) -> str:
        """One HTTP request on a new connection; the server's name, or "" if none answered."""
        result = self.network.run(
            CLIENT.name,
            ["curl", "-s", "-f", "-m", str(timeout_s), f"http://{VIRTUAL_ADDRESS}:{WEB_PORT}/"],
            check=False,
        )
        return result.stdout.strip() if result.returncode == 0 else ""

    def query(self, sql: str, port: int = DB_PORT) -> str:
        """One connection of the mariadb client through the virtual address; its output without
        headings."""
        return self._mariadb(sql, port).stdout.strip()

    def database_behind(self, port: int = DB_PORT) -> str:
        """The name of the database that a new connection to this port meets, "" if none."""
        result = self._mariadb("SELECT @@report_host", port, check=False)
        return result.stdout.strip() if result.returncode == 0 else ""

    def _mariadb(self, sql: str, port: int, check: bool = True) -> subprocess.CompletedProcess:
        return self.network.run(
            CLIENT.name,
            [
                "mariadb",
                "--no-defaults",
                f"--host={VIRTUAL_ADDRESS}",
                f"--port={port}",
                f"--user={DB_USER}",
                f"--password={DB_PASSWORD}",
                "--connect-timeout=5",
                "--batch",
                "--skip-column-names",
                f"--execute={sql}",
            ],
            check=check,
            timeout_s=30,
        )

    def retransmissions(self, host: str) -> int:
        """TCP segments that a host's kernel sent again since the host was made."""
        lines = self.network.run(host, ["cat", "/proc/net/snmp"]).stdout.splitlines()
        names, values = (line.split() for line in lines if line.startswith("Tcp:"))
        return int(values[names.index("RetransSegs")])

    def end(self) -> None:
        send_signal(
            [process.pid for process in self.started if process.poll() is None], signal.SIGKILL
        )
        for process in self.started:
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    pipe.close()


def has_packet_sockets(pid: int, count: int) -> bool:
    if not is_alive(pid):
        raise LabError("the wire watcher ended at its start")
    try:
        return len(Path(f"/proc/{pid}/net/packet").read_text().splitlines()) - 1 >= count
    except OSError:
        return False
