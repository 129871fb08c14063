"""The real servers behind the virtual address: nginx and MariaDB, each telling who it is."""

import re
import shutil
from abc import ABC, abstractmethod
from pathlib import Path

from .network import Network
from .process import command_name, is_listening, kill_processes, run, start_daemon, wait_until
from .topology import DB_PORT, WEB_PORT, Host

LARGE_BYTES = 1 << 20  # of /large

# {dir} is the server's own folder, {name} its host name.
NGINX_CONF = """\
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    default_type text/plain;
    # A keep-alive connection lives as long as its client wants it to.
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen {port} backlog=4096;
        location / {{ return 200 "{name}\\n"; }}
        location /health {{ return 200 "ok\\n"; }}
        location /peer {{ return 200 "{name} $remote_addr\\n"; }}
        location /large {{ root {dir}; }}
    }}
    server {{
        listen 127.0.0.1:8080;
        location / {{ stub_status; }}
    }}
}}
"""

DB_USER = DB_PASSWORD = DB_NAME = "lab"
MARIADB_INIT = f"""\
CREATE DATABASE IF NOT EXISTS {DB_NAME};
CREATE USER IF NOT EXISTS '{DB_USER}'@'%' IDENTIFIED BY '{DB_PASSWORD}';
GRANT ALL ON {DB_NAME}.* TO '{DB_USER}'@'%';
"""
# Small files: a run directory often lies in memory.
INNODB_SIZES = ["--innodb-log-file-size=8M", "--innodb-data-file-path=ibdata1:10M:autoextend"]


class Server(ABC):
    program: str
    port: int

    def __init__(self, network: Network, host: Host, run_dir: Path):
        self.network, self.host = network, host
        self.name, self.address = host.name, host.address
        self.dir = run_dir / host.name
        self.log = self.dir / f"{self.program}.log"

    @abstractmethod
    def command(self) -> list[str]:
        """The command line that runs the server in the foreground."""

    def pids(self) -> list[int]:
        return [
            pid for pid in self.network.processes(self.name) if command_name(pid) == self.program
        ]

    def is_ready(self) -> bool:
        return any(is_listening(pid, self.port) for pid in self.pids())

    def start(self) -> None:
        start_daemon(self.network.command(self.name, self.command()), self.log)

    def wait_ready(self) -> None:
        wait_until(f"{self.name} listens", self.is_ready, 20)

    def kill(self) -> None:
        """What a crash looks like: SIGKILL to all of its processes."""
        kill_processes(self.pids())


class Nginx(Server):
    program = "nginx"
    port = WEB_PORT

    def prepare(self) -> None:
        self.dir.mkdir(parents=True, exist_ok=True)
        text = NGINX_CONF.format(dir=self.dir, name=self.name, port=self.port)
        (self.dir / "nginx.conf").write_text(text)
        (self.dir / "large").write_bytes(bytes(LARGE_BYTES))

    def command(self) -> list[str]:
        return ["nginx", "-e", str(self.dir / "error.log"), "-c", str(self.dir / "nginx.conf")]

    def requests(self) -> int:
        """All requests since its start, health checks included."""
        page = self.network.run(self.name, ["curl", "-s", "http://127.0.0.1:8080/"]).stdout
        numbers = re.search(r"^ (\d+) (\d+) (\d+)", page, re.MULTILINE)
        return int(numbers[3]) if numbers else 0


class MariaDb(Server):
    program = "mariadbd"
    port = DB_PORT

    def __init__(self, network: Network, host: Host, run_dir: Path):
        super().__init__(network, host, run_dir)
        self.socket = self.dir / "mariadb.sock"
        # What a scenario adds to the command line.
        self.options: list[str] = []

    def prepare(self, template: Path) -> None:
        """Takes a copy of the template for its own datadir."""
        self.dir.mkdir(parents=True, exist_ok=True)
        (self.dir / "init.sql").write_text(MARIADB_INIT)
        run(["cp", "-a", str(template), str(self.dir / "data")])
        make_mysql_dir(self.dir / "tmp")
        shutil.chown(self.dir, "mysql", "mysql")

    def command(self) -> list[str]:
        number = self.address.rpartition(".")[2]
        return [
            "mariadbd",
            "--no-defaults",
            "--user=mysql",
            f"--datadir={self.dir / 'data'}",
            f"--socket={self.socket}",
            f"--pid-file={self.dir / 'mariadb.pid'}",
            f"--tmpdir={self.dir / 'tmp'}",
            f"--init-file={self.dir / 'init.sql'}",
            f"--port={self.port}",
            "--bind-address=0.0.0.0",
            f"--server-id={number}",
            f"--report-host={self.name}",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=16M",
            "--innodb-flush-log-at-trx-commit=0",
            "--performance-schema=OFF",
            *INNODB_SIZES,
            *self.options,
        ]

    def sql(self, text: str, check: bool = True) -> str:
        """What its root says by the socket, without headings."""
        command = ["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root"]
        result = self.network.run(
            self.name,
            [*command, "--batch", "--skip-column-names", f"--execute={text}"],
            check=check,
            timeout_s=20,
        )
        return result.stdout.strip()


def make_mariadb_template(template: Path) -> None:
    """A fresh datadir: made once per lab, copied for each server."""
    scratch = template.with_name(template.name + "-tmp")
    make_mysql_dir(scratch)
    run(
        [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={template}",
            "--user=mysql",
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
            f"--tmpdir={scratch}",
            *INNODB_SIZES,
        ]
    )
    shutil.rmtree(scratch)


def make_mysql_dir(path: Path) -> None:
    path.mkdir()
    shutil.chown(path, "mysql", "mysql")
