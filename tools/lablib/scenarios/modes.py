"""Every way of forwarding to real servers: in nat and fullnat behind the appliance, in dsr and tunnels
beside it, with the virtual address on their own. And a path with a small MTU."""

import random
from dataclasses import replace

from ..config import LabConfig
from ..lab import Lab, start_all
from ..outcome import Outcome
from ..servers import LARGE_BYTES, Nginx
from ..topology import (
    APPLIANCES,
    CLIENT,
    DB_SERVERS,
    FLOATING_ADDRESS,
    VIRTUAL_ADDRESS,
    WAN,
    WEB_PORT,
    WEB_SERVERS,
    Host,
    Nic,
)
from .basic import counters_add_up
from .scenario import Scenario

FULLNAT_PORT, NAT_PORT, DSR_PORT, IPIP_PORT, GUE_PORT = WEB_PORT, 81, 82, 83, 84
# Beside the client: they answer it directly.
BESIDE = tuple(
    Host(host.name, (Nic("eth9", WAN, f"192.0.2.{110 + number}"),))
    for number, host in enumerate(DB_SERVERS, 1)
)
SMALL_MTU = 1300
REQUESTS = 60


class NginxBeside(Nginx):
    """It has the virtual address, too, on the ports of the services that leave ports alone."""

    def prepare(self) -> None:
        super().prepare()
        config = self.dir / "nginx.conf"
        ports = "".join(f"listen {p}; " for p in (DSR_PORT, IPIP_PORT, GUE_PORT))
        config.write_text(config.read_text().replace("listen 80 ", f"{ports}listen 80 ", 1))


def service(name: str, port: int, forward: str, hosts: tuple[Host, ...], server_port: str) -> str:
    check = f"check port {WEB_PORT} inter 500ms rise 2 fall 2"
    return "\n".join(
        (
            f"listen {name}",
            f"    bind {VIRTUAL_ADDRESS}:{port}",
            f"    forward {forward}",
            *(f"    server {h.name} {h.address}{server_port} {check}" for h in hosts),
        )
    )


def with_modes(config: LabConfig) -> LabConfig:
    behind = f":{WEB_PORT}"
    return replace(
        config,
        services=(
            service("full", FULLNAT_PORT, "fullnat", WEB_SERVERS, behind),
            service("nat", NAT_PORT, "nat", WEB_SERVERS, behind),
            service("dsr", DSR_PORT, "dsr", BESIDE, ""),
            service("ipip", IPIP_PORT, "tunnel", BESIDE, ""),
            service("gue", GUE_PORT, "tunnel gue", BESIDE, ""),
        ),
    )


def run(lab: Lab, outcome: Outcome, config: LabConfig, rng: random.Random) -> None:
    lab.up_network()
    for host in APPLIANCES:
        lab.network.run(host.name, ["ip", "link", "set", "eth1", "mtu", str(SMALL_MTU)])
    beside = [NginxBeside(lab.network, host, lab.dir) for host in BESIDE]
    for server in (*lab.web, *beside):
        server.prepare()
    place_beside(lab)
    for host in WEB_SERVERS:
        route = ["ip", "route", "add", "192.0.2.0/24", "via", FLOATING_ADDRESS]
        lab.network.run(host.name, route)
    start_all([*lab.web, *beside])
    lab.up_nodes(with_modes(config))
    lab.node("lb1").wait_group("MASTER")
    lab.node("lb2").wait_group("BACKUP")
    for node in lab.nodes:
        node.wait_servers_up()

    client = CLIENT.address
    each_mode(lab, outcome, "fullnat", FULLNAT_PORT, [s.name for s in lab.web], FLOATING_ADDRESS)
    each_mode(lab, outcome, "nat", NAT_PORT, [s.name for s in lab.web], client)
    for name, port in (("dsr", DSR_PORT), ("ipip", IPIP_PORT), ("gue", GUE_PORT)):
        each_mode(lab, outcome, name, port, [s.name for s in beside], client)
    path_mtu(lab, outcome)
    uploads(lab, outcome)
    counters_add_up(lab, outcome)


def place_beside(lab: Lab) -> None:
    """A cable to the clients' network, the virtual address without answering for it, and the end of
    a tunnel."""
    for host in BESIDE:
        lab.network.connect(host, host.nics[0])
        settings = [
            "net.ipv4.conf.all.arp_ignore=1",
            "net.ipv4.conf.all.arp_announce=2",
            "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.default.rp_filter=0",
        ]
        lab.network.run(host.name, ["sysctl", "-q", "-w", *settings])
        lab.network.run(host.name, ["ip", "addr", "add", f"{VIRTUAL_ADDRESS}/32", "dev", "lo"])
        lab.clients.tunnel_end(host.name, "tunnel0")
        lab.network.run(host.name, ["ip", "link", "set", "tunnel0", "up"])


def ask(lab: Lab, port: int, path: str, count: int = 1) -> list[str]:
    """The answers' lines, of one new connection after the other; nothing of those that failed."""
    command = ["curl", "-s", "-f", "-m", "2", "--no-keepalive", "-H", "Connection: close"]
    urls = [f"http://{VIRTUAL_ADDRESS}:{port}{path}"] * count
    result = lab.network.run(CLIENT.name, [*command, *urls], check=False)
    return result.stdout.splitlines()


def each_mode(
    lab: Lab, outcome: Outcome, mode: str, port: int, names: list[str], seen: str
) -> None:
    outcome.step(f"{REQUESTS} connections to the service in {mode}")
    answers = [line.split() for line in ask(lab, port, "/peer", REQUESTS)]
    shares = {name: sum(answer[0] == name for answer in answers) for name in names}
    even = REQUESTS // len(names)
    outcome.check(
        all(count == even for count in shares.values()), f"all were answered, evenly: {shares}"
    )
    clients = {answer[1] for answer in answers}
    outcome.check(clients == {seen}, f"servers saw {', '.join(sorted(clients))} as their client")
    outcome.figure(**{f"{mode}_answers": len(answers)})


def verdicts(lab: Lab, name: str) -> int:
    return lab.node("lb1").status()["counters"]["verdicts"].get(name, 0)


def path_mtu(lab: Lab, outcome: Outcome) -> None:
    outcome.step(f"downloads over a path of {SMALL_MTU} bytes, to servers that think of 1500")
    before = verdicts(lab, "fragmentation_needed")
    for mode, port in (("fullnat", FULLNAT_PORT), ("nat", NAT_PORT)):
        got = download(lab, port)
        outcome.check(got == LARGE_BYTES, f"{mode}: {got} of {LARGE_BYTES} bytes")
    told = verdicts(lab, "fragmentation_needed") - before
    outcome.check(told > 0, f"servers were told {told} times what fits")
    outcome.figure(fragmentation_needed=told)


def download(lab: Lab, port: int) -> int:
    url = f"http://{VIRTUAL_ADDRESS}:{port}/large"
    command = ["curl", "-s", "-m", "10", "-o", "/dev/null", "-w", "%{size_download}", url]
    return int(lab.network.run(CLIENT.name, command, check=False).stdout or 0)


def uploads(lab: Lab, outcome: Outcome) -> None:
    """What a client sends has to fit into the tunnel, and it is told what does."""
    lab.network.run(CLIENT.name, ["ip", "link", "set", "eth0", "mtu", str(SMALL_MTU)])
    outcome.step("uploads through tunnels that add headers")
    before = verdicts(lab, "fragmentation_needed")
    for mode, port in (("ipip", IPIP_PORT), ("gue", GUE_PORT)):
        url = f"http://{VIRTUAL_ADDRESS}:{port}/"
        command = ["curl", "-s", "-m", "10", "-w", "%{size_upload}", "-o", "/dev/null"]
        data = ["--data-binary", "@-", "-H", "Expect:", url]
        sent = lab.network.run(CLIENT.name, [*command, *data], input="x" * 65536, check=False)
        outcome.check(sent.stdout == "65536", f"{mode}: {sent.stdout} of 65536 bytes")
    told = verdicts(lab, "fragmentation_needed") - before
    outcome.check(told > 0, f"the client was told {told} times what fits")


SCENARIO = Scenario("modes", "fullnat, nat, dsr and tunnels to real servers; path MTU", run)
