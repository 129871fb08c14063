"""Debian's keepalived in the place of an appliance: somebody else's idea of VRRP."""

from dataclasses import dataclass
from pathlib import Path

from .config import Vrrp
from .network import Network
from .process import command_name, end_processes, kill_processes, start_daemon, tail
from .topology import APPLIANCES, PREFIX_LENGTH, VHID, VIRTUAL_ADDRESS, Host

# keepalived says INSTANCE, its name, the state and the priority.
NOTIFY_SCRIPT = """\
#!/bin/sh
echo "$3" >{state}.new && mv {state}.new {state}
"""


@dataclass(frozen=True)
class KeepalivedConfig:
    vrrp: Vrrp
    priority: int
    host: Host
    notify: Path

    def text(self) -> str:
        nic = self.host.nics[0]
        return "\n".join(
            (
                "global_defs {",
                f"    vrrp_version {self.vrrp.version}",
                "    script_user root",
                "    enable_script_security",
                "}",
                "vrrp_instance public {",
                "    state BACKUP",
                f"    interface {nic.device}",
                f"    virtual_router_id {VHID}",
                f"    priority {self.priority}",
                f"    advert_int {self.vrrp.interval_ms / 1000:g}",
                *self._authentication(),
                *self._unicast(),
                "    virtual_ipaddress {",
                f"        {VIRTUAL_ADDRESS}/{PREFIX_LENGTH} dev {nic.device}",
                "    }",
                f"    notify {self.notify}",
                "}",
                "",
            )
        )

    def _authentication(self) -> list[str]:
        if not self.vrrp.password:
            return []
        return [
            "    authentication {",
            "        auth_type PASS",
            f"        auth_pass {self.vrrp.password}",
            "    }",
        ]

    def _unicast(self) -> list[str]:
        if not self.vrrp.unicast:
            return []
        peers = [host.address for host in APPLIANCES if host != self.host]
        return [
            f"    unicast_src_ip {self.host.address}",
            "    unicast_peer {",
            *(f"        {peer}" for peer in peers),
            "    }",
        ]


class Keepalived:
    def __init__(self, network: Network, host: Host, run_dir: Path):
        self.network, self.host, self.name = network, host, host.name
        self.dir = run_dir / f"{host.name}-keepalived"
        self.state_file = self.dir / "state"
        self.log = self.dir / "keepalived.log"

    def start(self, vrrp: Vrrp, priority: int) -> None:
        self.dir.mkdir(parents=True, exist_ok=True)
        # One that was killed leaves these behind, and their numbers may be others' by now.
        for stale in (self.state_file, self.dir / "keepalived.pid", self.dir / "vrrp.pid"):
            stale.unlink(missing_ok=True)
        notify = self.dir / "notify"
        notify.write_text(NOTIFY_SCRIPT.format(state=self.state_file))
        notify.chmod(0o755)
        config = self.dir / "keepalived.conf"
        config.write_text(KeepalivedConfig(vrrp, priority, self.host, notify).text())
        command = [
            "keepalived",
            "--dont-fork",
            "--log-console",
            "--log-detail",
            "--vrrp",
            f"--use-file={config}",
            f"--pid={self.dir / 'keepalived.pid'}",
            f"--vrrp_pid={self.dir / 'vrrp.pid'}",
        ]
        start_daemon(self.network.command(self.name, command), self.log)

    def pids(self) -> list[int]:
        return [
            pid for pid in self.network.processes(self.name) if command_name(pid) == "keepalived"
        ]

    def state(self) -> str:
        """MASTER, BACKUP, FAULT or STOP as its notify script was told last; "" before its first
        word."""
        return self.state_file.read_text().strip() if self.state_file.exists() else ""

    def stop(self) -> None:
        """A planned exit: it says that it leaves, and removes the address."""
        end_processes(self.pids(), 5)

    def kill(self) -> None:
        """SIGKILL. The address stays on the interface, so that is removed by hand, as a dead box
        would."""
        kill_processes(self.pids())
        device = self.host.nics[0].device
        address = f"{VIRTUAL_ADDRESS}/{PREFIX_LENGTH}"
        self.network.run(self.name, ["ip", "addr", "del", address, "dev", device], check=False)

    def log_tail(self) -> str:
        return tail(self.log)
