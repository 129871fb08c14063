"""Debian's ucarp in the place of an appliance: somebody else's idea of CARP."""

from pathlib import Path

from .network import Network
from .process import command_name, end_processes, kill_processes, start_daemon, tail
from .topology import PASSWORD, PREFIX_LENGTH, VHID, VIRTUAL_ADDRESS, Host

UP_SCRIPT = f"""\
#!/bin/sh
ip addr add {VIRTUAL_ADDRESS}/{PREFIX_LENGTH} dev "$1"
echo MASTER >{{state}}
"""
DOWN_SCRIPT = f"""\
#!/bin/sh
ip addr del {VIRTUAL_ADDRESS}/{PREFIX_LENGTH} dev "$1"
echo BACKUP >{{state}}
"""


class Ucarp:
    def __init__(self, network: Network, host: Host, run_dir: Path):
        self.network, self.host, self.name = network, host, host.name
        self.dir = run_dir / f"{host.name}-ucarp"
        self.state_file = self.dir / "state"
        self.log = self.dir / "ucarp.log"

    def start(self, advskew: int) -> None:
        self.dir.mkdir(parents=True, exist_ok=True)
        self.state_file.unlink(missing_ok=True)
        up, down = (
            self._script(name, text) for name, text in (("up", UP_SCRIPT), ("down", DOWN_SCRIPT))
        )
        nic = self.host.nics[0]
        command = [
            "ucarp",
            f"--interface={nic.device}",
            f"--srcip={nic.address}",
            f"--vhid={VHID}",
            f"--pass={PASSWORD}",
            f"--addr={VIRTUAL_ADDRESS}",
            "--advbase=1",
            f"--advskew={advskew}",
            "--preempt",
            "--shutdown",
            f"--upscript={up}",
            f"--downscript={down}",
        ]
        start_daemon(self.network.command(self.name, command), self.log)

    def _script(self, name: str, text: str) -> Path:
        path = self.dir / name
        path.write_text(text.format(state=self.state_file))
        path.chmod(0o755)
        return path

    def pids(self) -> list[int]:
        return [pid for pid in self.network.processes(self.name) if command_name(pid) == "ucarp"]

    def state(self) -> str:
        """MASTER or BACKUP as its scripts were told last; BACKUP before its first word."""
        return self.state_file.read_text().strip() if self.state_file.exists() else "BACKUP"

    def stop(self) -> None:
        end_processes(self.pids(), 5)

    def kill(self) -> None:
        """SIGKILL. The address stays on the interface, so that is removed by hand, as a dead box
        would."""
        kill_processes(self.pids())
        self.network.run(
            self.name,
            [
                "ip",
                "addr",
                "del",
                f"{VIRTUAL_ADDRESS}/{PREFIX_LENGTH}",
                "dev",
                self.host.nics[0].device,
            ],
            check=False,
        )

    def log_tail(self) -> str:
        return tail(self.log)
