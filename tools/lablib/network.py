"""Namespaces, bridges and links, made from the topology. Nothing is created outside the
namespaces."""

import os
import subprocess
from pathlib import Path

from .process import LabError, end_processes, kill_processes, run, wait_until
from .topology import ALL_NAMESPACES, HOSTS, NETWORKS, PREFIX_LENGTH, SWITCH, Host, Nic, switch_port

NAMESPACES = Path("/run/netns")

# A veth device hands packets over before their checksums are computed, which a program that
# forwards frames as they are would pass on as corrupt. GSO and GRO would hand it frames larger than
# the link carries.
OFFLOADS = ("tx", "tso", "gso", "gro")


class Network:
    def __init__(self, name: str):
        self.prefix = f"carpool-{name}-"

    def namespace(self, host: str) -> str:
        return self.prefix + host

    def command(self, host: str, command: list[str]) -> list[str]:
        """The command line that runs `command` inside a host. It ends up as the same process."""
        return ["ip", "netns", "exec", self.namespace(host), *command]

    def run(self, host: str, command: list[str], **options) -> subprocess.CompletedProcess:
        return run(self.command(host, command), **options)

    def existing(self) -> list[str]:
        return [host for host in ALL_NAMESPACES if (NAMESPACES / self.namespace(host)).exists()]

    def processes(self, host: str) -> list[int]:
        result = run(["ip", "netns", "pids", self.namespace(host)], check=False)
        return [int(pid) for pid in result.stdout.split()]

    def up(self) -> None:
        if os.geteuid() != 0:
            raise LabError("network namespaces need root: use sudo")
        for host in ALL_NAMESPACES:
            self._create_namespace(host)
        self._batch(
            SWITCH,
            [
                line
                for network in NETWORKS
                for line in (
                    # No spanning tree, so ports forward at once; no snooping, so adverts reach
                    # every port.
                    f"link add {network} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                    f"link set {network} up",
                )
            ],
        )
        for host in HOSTS:
            for nic in host.nics:
                self.connect(host, nic)
            self._batch(host.name, ["link set lo up"])

    def _create_namespace(self, host: str) -> None:
        run(["ip", "netns", "add", self.namespace(host)])
        # Addresses of the lab are IPv4; without IPv6 no neighbour or router discovery mixes in.
        settings = [f"net.ipv6.conf.{which}.disable_ipv6=1" for which in ("all", "default")]
        if Path("/proc/sys/net/ipv6").exists():
            self.run(host, ["sysctl", "-q", "-w", *settings])

    def connect(self, host: Host, nic: Nic) -> None:
        port = switch_port(host.name, nic.network)
        run(
            [
                "ip",
                "link",
                "add",
                nic.device,
                "netns",
                self.namespace(host.name),
                "type",
                "veth",
                "peer",
                "name",
                port,
                "netns",
                self.namespace(SWITCH),
            ]
        )
        self._turn_offloads_off(host.name, nic.device)
        self._turn_offloads_off(SWITCH, port)
        self._batch(SWITCH, [f"link set {port} master {nic.network} up"])
        self._batch(
            host.name,
            [
                f"addr add {nic.address}/{PREFIX_LENGTH} dev {nic.device}",
                f"link set {nic.device} up",
            ],
        )

    def _turn_offloads_off(self, host: str, device: str) -> None:
        self.run(host, ["ethtool", "-K", device, *(word for o in OFFLOADS for word in (o, "off"))])

    def _batch(self, host: str, lines: list[str]) -> None:
        run(["ip", "-n", self.namespace(host), "-batch", "-"], input="\n".join(lines) + "\n")

    def set_cable(self, host: str, network: str, plugged: bool) -> None:
        """Without its cable a host's device has no carrier."""
        state = "up" if plugged else "down"
        self._batch(SWITCH, [f"link set {switch_port(host, network)} {state}"])

    def set_member(self, host: str, network: str, member: bool) -> None:
        """A port that is no member of its switch passes nothing on, and its host does not see it."""
        port = switch_port(host, network)
        master = f"master {network}" if member else "nomaster"
        self._batch(SWITCH, [f"link set {port} {master}"])

    def down(self) -> None:
        """Ends every process in the namespaces and removes them, however they came to be."""
        hosts = self.existing()
        # The appliances may have something to clean up themselves; all others just go.
        end_processes(
            [pid for host in hosts if host.startswith("lb") for pid in self.processes(host)]
        )
        for host in hosts:
            kill_processes(self.processes(host))
        for host in hosts:
            run(["ip", "netns", "delete", self.namespace(host)])
        wait_until("namespaces are gone", lambda: not self.existing(), 5)
