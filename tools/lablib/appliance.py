"""One appliance under test: the real carpoold, which starts its own carpool-dp, in the node's
namespace."""

import json
import shlex
import signal
import subprocess
from pathlib import Path

from .config import LabConfig
from .network import Network
from .process import (
    LabError,
    command_name,
    end_processes,
    kill_processes,
    run,
    send_signal,
    start_daemon,
    tail,
    wait_until,
)
from .topology import Host

PROJECT = Path(__file__).resolve().parents[2]
BUILD = PROJECT / "build"
CONTROL_PLANE, DATA_PLANE = "carpoold", "carpool-dp"
PROGRAMS = {
    CONTROL_PLANE: BUILD / "controlplane" / CONTROL_PLANE,
    DATA_PLANE: BUILD / "dataplane" / DATA_PLANE,
    "carpool": BUILD / "tools" / "carpool",
}
PROBE = BUILD / "tools" / "probe" / "carpool-probe"

START_S = 20
STOP_S = 10


class Appliance:
    def __init__(self, network: Network, host: Host, run_dir: Path):
        self.network, self.name = network, host.name
        self.dir = run_dir / host.name
        self.config_file = self.dir / "carpool.cfg"
        self.config_folder: Path | None = None  # where it stands in one of several files
        self.log = self.dir / "carpoold.log"

    # ---- configuration

    def write_config(self, config: LabConfig) -> None:
        self.write_config_text(config.text())

    def write_config_text(self, text: str) -> None:
        self.config_file.parent.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(text)

    def reload(self) -> None:
        send_signal(self.pids(CONTROL_PLANE), signal.SIGHUP)

    # ---- processes

    def command(self) -> list[str]:
        return [
            str(PROGRAMS[CONTROL_PLANE]),
            "--config",
            str(self.config_folder or self.config_file),
            "--node",
            self.name,
            "--run-dir",
            str(self.dir),
        ]

    def start(self) -> None:
        for program in PROGRAMS.values():
            if not program.exists():
                raise LabError(f"{program} is not built: meson setup build && ninja -C build")
        start_daemon(self.network.command(self.name, self.command()), self.log)

    def pids(self, *programs: str) -> list[int]:
        programs = programs or (CONTROL_PLANE, DATA_PLANE)
        return [pid for pid in self.network.processes(self.name) if command_name(pid) in programs]

    def stop(self) -> None:
        """A planned exit: the node says that it leaves."""
        end_processes(self.pids(CONTROL_PLANE), STOP_S)
        end_processes(self.pids(), STOP_S)

    def kill(self, *programs: str) -> None:
        """SIGKILL to the named programs, or to all of the node, and no chance to say good-bye."""
        kill_processes(self.pids(*programs))

    # ---- what it says about itself

    def status(self) -> dict | None:
        """The answer of `carpool status --json`, or None while there is none."""
        result = self._ask("status", "--json")
        try:
            return json.loads(result.stdout) if result.returncode == 0 else None
        except json.JSONDecodeError:
            return None

    def status_text(self) -> str:
        """What a person would read, or why there is nothing to read."""
        try:
            result = self._ask("status")
        except LabError as error:
            return str(error)
        return (result.stdout + result.stderr).rstrip()

    def operate(self, *words: str) -> subprocess.CompletedProcess:
        """What an operator types: switchover, drill, demote."""
        return run(
            [str(PROGRAMS["carpool"]), *words, "--run-dir", str(self.dir)],
            check=False,
            timeout_s=60,
        )

    def _ask(self, *words: str) -> subprocess.CompletedProcess:
        return run(
            [str(PROGRAMS["carpool"]), *words, "--run-dir", str(self.dir)], check=False, timeout_s=5
        )

    def config(
        self, *words: str, editor: str = "false", timeout_s: float = 20
    ) -> subprocess.CompletedProcess:
        """`carpool config WORDS`, with this as the administrator's editor."""
        settings = [f"EDITOR={editor}", f"TMPDIR={self.dir}"]
        command = ["env", "-u", "VISUAL", *settings, *self._config_words(*words)]
        return run(command, check=False, timeout_s=timeout_s)

    def config_line(self, *words: str) -> str:
        """The same as a line for a shell."""
        return shlex.join(self._config_words(*words))

    def _config_words(self, *words: str) -> list[str]:
        return [str(PROGRAMS["carpool"]), "config", *words, "--run-dir", str(self.dir)]

    def digest(self) -> str:
        """Of the configuration that runs."""
        lines = self.config("digest").stdout.splitlines()
        return next((line.split()[1] for line in lines if line.startswith("running")), "")

    def group_state(self) -> str:
        """MASTER, BACKUP, INIT; "" while the node does not answer."""
        groups = (self.status() or {}).get("groups", [])
        return groups[0]["state"].upper() if groups else ""

    def servers(self, service: str) -> dict[str, dict]:
        """Server name -> all that the status says about it, of one service."""
        for entry in (self.status() or {}).get("services", []):
            if entry["name"] == service:
                return {server["name"]: server for server in entry["servers"]}
        return {}

    def flows(self) -> int:
        """Connections in the node's tables, its own and the peer's."""
        return (self.status() or {}).get("flows", {}).get("live", 0)

    def mirror_state(self) -> str:
        """off, alone, synchronising, in sync; "" while the node does not answer."""
        return (self.status() or {}).get("mirror", {}).get("state", "")

    def hello_state(self) -> str:
        """off, no peer, up, one link, peer lost, peer ended; "" while the node does not answer."""
        return (self.status() or {}).get("hello", {}).get("state", "")

    def problems(self) -> list[str]:
        return (self.status() or {}).get("problems", [])

    def server_states(self, service: str) -> dict[str, str]:
        """Server name -> UP, DOWN, ... of one service."""
        return {name: server["state"].upper() for name, server in self.servers(service).items()}

    def wait_group(self, state: str, deadline_s: float = START_S) -> None:
        wait_until(f"{self.name} is {state}", lambda: self.group_state() == state, deadline_s)

    def wait_server(self, service: str, server: str, state: str, deadline_s: float) -> None:
        wait_until(
            f"{self.name} shows {service}/{server} {state}",
            lambda: self.server_states(service).get(server) == state,
            deadline_s,
        )

    def wait_servers_up(self, deadline_s: float = START_S) -> None:
        def all_up() -> bool:
            services = (self.status() or {}).get("services", [])
            return bool(services) and all(
                server["state"].upper() == "UP"
                for service in services
                for server in service["servers"]
            )

        wait_until(f"{self.name} shows all servers UP", all_up, deadline_s)

    def log_tail(self) -> str:
        return tail(self.log)
