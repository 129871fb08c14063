"""Who is in the laboratory and with which addresses. Pure data."""

from dataclasses import dataclass

DRAWING = """\
                       client 192.0.2.100
                          |
    ------+---------------+---------------+------  wan  192.0.2.0/24
          | .1 eth1                       | .2 eth1
      +-------+   192.0.2.10 virtual  +-------+
      |  lb1  |<--- 10.255.0.0/24 --->|  lb2  |    the pair, vhid 53: lb1 preferred;
      +-------+   10.0.0.10 floating  +-------+    eth3: the peer link, .1 and .2
          | .1 eth2                       | .2 eth2
    --+---+---+-------+-------+-------+---+------  lan  10.0.0.0/24
      |       |       |       |       |
     web1    web2    web3    db1     db2           web: nginx :80, db: MariaDB :3306
     .21     .22     .23     .11     .12

Each host is a network namespace, carpool-NAME-HOST; the networks are bridges in one more,
carpool-NAME-sw, where tcpdump sees every port by its name (lb1-wan, lb2-lan, ...)."""

WAN, LAN, PEER = "wan", "lan", "peer"
NETWORKS = (WAN, LAN, PEER)
PREFIX_LENGTH = 24

VIRTUAL_ADDRESS = "192.0.2.10"
FLOATING_ADDRESS = "10.0.0.10"
VHID = 53
PASSWORD = "secret"
WEB_PORT = 80
DB_PORT = 3306
PEER_PORT = 8848
PEER_KEY = "5c" * 32  # what seals the packets between the two nodes, in hex


@dataclass(frozen=True)
class Nic:
    device: str
    network: str
    address: str


@dataclass(frozen=True)
class Host:
    name: str
    nics: tuple[Nic, ...]

    @property
    def address(self) -> str:
        return self.nics[0].address

    def address_in(self, network: str) -> str:
        return next(nic.address for nic in self.nics if nic.network == network)


def _server(name: str, address: str) -> Host:
    return Host(name, (Nic("eth0", LAN, address),))


def _appliance(name: str, number: int) -> Host:
    nics = (
        Nic("eth1", WAN, f"192.0.2.{number}"),
        Nic("eth2", LAN, f"10.0.0.{number}"),
        Nic("eth3", PEER, f"10.255.0.{number}"),
    )
    return Host(name, nics)


SWITCH = "sw"
CLIENT = Host("client", (Nic("eth0", WAN, "192.0.2.100"),))
APPLIANCES = (_appliance("lb1", 1), _appliance("lb2", 2))
WEB_SERVERS = tuple(_server(f"web{n}", f"10.0.0.{20 + n}") for n in (1, 2, 3))
DB_SERVERS = tuple(_server(f"db{n}", f"10.0.0.{10 + n}") for n in (1, 2))
HOSTS = (CLIENT, *APPLIANCES, *WEB_SERVERS, *DB_SERVERS)
ALL_NAMESPACES = (SWITCH, *(host.name for host in HOSTS))


def switch_port(host: str, network: str) -> str:
    """The name of the switch's end of a host's cable."""
    return f"{host}-{network}"
