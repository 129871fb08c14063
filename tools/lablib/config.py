"""The configuration of the two appliances: one text for both, as it would stand on real boxes."""

from dataclasses import dataclass, field, replace

from .topology import (
    APPLIANCES,
    DB_PORT,
    DB_SERVERS,
    FLOATING_ADDRESS,
    LAN,
    PASSWORD,
    PEER,
    PEER_KEY,
    PEER_PORT,
    PREFIX_LENGTH,
    VHID,
    VIRTUAL_ADDRESS,
    WAN,
    WEB_PORT,
    WEB_SERVERS,
    Host,
)

PORT_KINDS = ("xdp", "packet")
ADVSKEW = {"lb1": 0, "lb2": 100}


@dataclass(frozen=True)
class ServerLine:
    name: str
    address: str
    port: int
    options: str = "check inter 500ms rise 2 fall 2"

    def __str__(self) -> str:
        return f"    server {self.name} {self.address}:{self.port} {self.options}"


@dataclass(frozen=True)
class Vrrp:
    """VRRP in the place of CARP."""

    version: int = 3
    interval_ms: int = 1000
    password: str = ""
    unicast: bool = False
    priority: dict[str, int] = field(default_factory=lambda: {"lb1": 200, "lb2": 100})

    def lines(self) -> list[str]:
        peers = " ".join(host.address for host in APPLIANCES)
        return [
            f"    protocol vrrp {self.version}",
            f"    vrid {VHID}",
            f"    advert-interval {self.interval_ms}ms",
            *([f"    pass {self.password}"] if self.password else []),
            *([f"    unicast peer {peers}"] if self.unicast else []),
        ]

    @property
    def fence_ms(self) -> int:
        """The longest that the nodes do not warn about: two intervals."""
        return min(1500, 2 * self.interval_ms)


CARP_LINES = ["    protocol carp", f"    vhid {VHID}", f"    pass {PASSWORD}", "    advbase 1"]


@dataclass(frozen=True)
class LabConfig:
    """What scenarios vary. Frozen: a changed configuration is a new value."""

    port_kind: str = "xdp"
    preempt: bool = True
    web_servers: tuple[ServerLine, ...] = tuple(
        ServerLine(host.name, host.address, WEB_PORT) for host in WEB_SERVERS
    )
    db_servers: tuple[ServerLine, ...] = tuple(
        ServerLine(host.name, host.address, DB_PORT) for host in DB_SERVERS
    )
    advskew: dict[str, int] = field(default_factory=lambda: dict(ADVSKEW))
    # Sections that stand in the place of "listen web" and "listen mysql".
    services: tuple[str, ...] | None = None
    vrrp: Vrrp | None = None  # none: CARP
    fast_hello: str = ""  # "10ms count 5"
    long: bool = False  # not of the appliances: scenarios do more of everything

    def with_web_server(self, server: ServerLine) -> "LabConfig":
        others = tuple(s for s in self.web_servers if s.name != server.name)
        return replace(self, web_servers=(*others, server))

    def without_web_server(self, name: str) -> "LabConfig":
        return replace(self, web_servers=tuple(s for s in self.web_servers if s.name != name))

    def text(self) -> str:
        sections = [
            _GLOBAL,
            _DEFAULTS,
            *(self._node(host) for host in APPLIANCES),
            self._redundancy(),
            *((self._web(), self._mysql()) if self.services is None else self.services),
        ]
        return "\n\n".join(sections) + "\n"

    def _node(self, host: Host) -> str:
        return "\n".join(
            (
                f"node {host.name}",
                f"    port wan {self.port_kind} eth1",
                f"    port lan {self.port_kind} eth2",
                "    workers 1",
                "    idle sleep",
                *([f"    fence {self.vrrp.fence_ms}ms"] if self.vrrp else []),
                f"    redundancy public {self._rank(host.name)}",
                f"    peer {host.address_in(PEER)}:{PEER_PORT}",
            )
        )

    def _rank(self, name: str) -> str:
        if self.vrrp:
            return f"priority {self.vrrp.priority[name]}"
        return f"advskew {self.advskew[name]}"

    def _redundancy(self) -> str:
        return "\n".join(
            (
                "redundancy public",
                *(self.vrrp.lines() if self.vrrp else CARP_LINES),
                f"    port {WAN}",
                f"    address {VIRTUAL_ADDRESS}/{PREFIX_LENGTH}",
                f"    floating {FLOATING_ADDRESS}/{PREFIX_LENGTH} port {LAN}",
                *(["    preempt"] if self.preempt else []),
                *([f"    fast-hello {self.fast_hello}"] if self.fast_hello else []),
            )
        )

    def _web(self) -> str:
        return "\n".join(
            (
                "listen web",
                f"    bind {VIRTUAL_ADDRESS}:{WEB_PORT}",
                "    balance roundrobin",
                "    option httpchk GET /health",
                *map(str, self.web_servers),
            )
        )

    def _mysql(self) -> str:
        return "\n".join(
            (
                "listen mysql",
                f"    bind {VIRTUAL_ADDRESS}:{DB_PORT}",
                "    balance leastconn",
                "    timeout client 1h",
                "    timeout server 1h",
                *map(str, self.db_servers),
            )
        )


_GLOBAL = f"""\
global
    peer-key 1 {PEER_KEY}"""

_DEFAULTS = """\
defaults
    mode tcp
    timeout connect 5s
    timeout client 5m
    timeout server 5m"""
