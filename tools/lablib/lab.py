"""A whole laboratory: its network, servers, appliances and clients, brought up together and taken
down for good."""

import re
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from .appliance import Appliance
from .config import LabConfig
from .load import Clients
from .network import Network
from .process import LabError, say, wait_until
from .servers import MariaDb, Nginx, Server, make_mariadb_template
from .topology import APPLIANCES, DB_SERVERS, WEB_SERVERS

RUN_ROOT = Path("/run/carpool-lab")


class Witness(Protocol):
    name: str
    log: Path

    def log_tail(self) -> str: ...


class Lab:
    def __init__(self, name: str):
        if not re.fullmatch(r"[a-z0-9]{1,16}", name):
            raise LabError(
                f"'{name}' is no name for a lab: use up to 16 lower-case letters and digits"
            )
        self.name = name
        self.dir = RUN_ROOT / name
        self.network = Network(name)
        self.nodes = [Appliance(self.network, host, self.dir) for host in APPLIANCES]
        self.web = [Nginx(self.network, host, self.dir) for host in WEB_SERVERS]
        self.db = [MariaDb(self.network, host, self.dir) for host in DB_SERVERS]
        self.clients = Clients(self.network, self.dir)
        # What else has a log that explains a failure, besides the nodes.
        self.witnesses: list[Witness] = []

    # ---- names

    @property
    def servers(self) -> list[Server]:
        return [*self.web, *self.db]

    def node(self, name: str) -> Appliance:
        return next(node for node in self.nodes if node.name == name)

    def web_server(self, name: str) -> Nginx:
        return next(server for server in self.web if server.name == name)

    # ---- one user at a time

    def lock(self) -> socket.socket:
        """Keeps others from using the lab of this name for as long as the returned socket is open.
        A name in the abstract namespace leaves nothing behind, however the process ends."""
        guard = socket.socket(socket.AF_UNIX)
        try:
            guard.bind(f"\0carpool-lab-{self.name}")
        except OSError as error:
            guard.close()
            raise LabError(
                f"lab '{self.name}' is being used by another tools/lab: wait for it, or give "
                "yours another --name"
            ) from error
        return guard

    # ---- up and down

    def is_up(self) -> bool:
        return bool(self.network.existing())

    def up_network(self) -> None:
        """Namespaces and links alone: for what happens before anything runs."""
        self.dir.mkdir(parents=True, exist_ok=True)
        self.network.up()

    def prepare_databases(self) -> None:
        template = self.dir / "mariadb-template"
        make_mariadb_template(template)
        for server in self.db:
            server.prepare(template)
        shutil.rmtree(template)

    def up_databases(self) -> None:
        """The databases alone, for scenarios about them."""
        self.prepare_databases()
        start_all(self.db)

    def up_servers(self) -> None:
        self.prepare_databases()
        for server in self.web:
            server.prepare()
        start_all(self.servers)

    def up_nodes(self, config: LabConfig, nodes: Iterable[str] = ("lb1", "lb2")) -> None:
        for node in map(self.node, nodes):
            node.write_config(config)
            node.start()

    def up(self, config: LabConfig) -> None:
        """Everything, until lb1 is MASTER, lb2 BACKUP and all servers are in rotation on both."""
        if self.is_up():
            raise LabError(f"lab '{self.name}' is up already: tools/lab down --name {self.name}")
        say(f"lab {self.name}: network, 3 x nginx, 2 x MariaDB")
        self.up_network()
        self.up_servers()
        say(f"lab {self.name}: appliances lb1 and lb2")
        self.up_nodes(config)
        self.wait_settled()
        say(f"lab {self.name}: up: lb1 MASTER, lb2 BACKUP, all servers in rotation")

    def wait_settled(self, master: str = "lb1", backup: str = "lb2") -> None:
        self.node(master).wait_group("MASTER")
        self.node(backup).wait_group("BACKUP")
        for node in self.nodes:
            node.wait_servers_up()
        wait_until("the virtual address answers", self.clients.get, 5)

    def down(self) -> None:
        """Ends and removes everything of this name, also what an earlier, killed run left
        behind."""
        self.clients.end()
        self.network.down()
        shutil.rmtree(self.dir, ignore_errors=True)
        try:
            RUN_ROOT.rmdir()
        except OSError:
            pass  # another lab's folder is in it, or it was never there


def start_all(servers: Iterable[Server]) -> None:
    servers = list(servers)
    for server in servers:
        server.start()
    for server in servers:
        server.wait_ready()
