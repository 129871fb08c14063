"""dnsmasq as a name server that tells who it is: the lab's name has the server's own address."""

from pathlib import Path

from .network import Network
from .process import command_name, kill_processes, start_daemon, wait_until
from .topology import Host

NAME = "who.lab"
DNS_PORT = 53


class NameServer:
    def __init__(self, network: Network, host: Host, run_dir: Path):
        self.network, self.name, self.address = network, host.name, host.address
        self.dir = run_dir / host.name
        self.log = self.dir / "dnsmasq.log"

    def start(self) -> None:
        command = [
            "dnsmasq",
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--user=root",
            "--cache-size=0",
            f"--port={DNS_PORT}",
            f"--listen-address={self.address}",
            "--bind-interfaces",
            f"--host-record={NAME},{self.address},2001:db8::1",
            f"--pid-file={self.dir / 'dnsmasq.pid'}",
        ]
        start_daemon(self.network.command(self.name, command), self.log)
        wait_until(f"the name server of {self.name} listens", self.is_ready, 10)

    def pids(self) -> list[int]:
        return [p for p in self.network.processes(self.name) if command_name(p) == "dnsmasq"]

    def is_ready(self) -> bool:
        return any(is_bound(pid, DNS_PORT) for pid in self.pids())

    def kill(self) -> None:
        kill_processes(self.pids())


def is_bound(pid: int, port: int) -> bool:
    """Whether a UDP socket has the port in the network namespace of the process."""
    try:
        lines = Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]
    except OSError:
        return False
    return any(line.split()[1].endswith(f":{port:04X}") for line in lines)
