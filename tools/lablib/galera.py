"""Two MariaDB servers as a Galera cluster, with Debian's galera-4."""

from pathlib import Path

from .process import LabError, wait_until
from .servers import MariaDb

PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
# Quicker than the customary 5 and 15 s to believe that a member is gone.
PATIENCE = "evs.keepalive_period=PT0.3S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT3S"
JOIN_S = 60


def options(server: MariaDb, members: list[MariaDb]) -> list[str]:
    addresses = ",".join(member.address for member in members)
    # The first one counts double, so that it stays primary when the two lose sight of each other.
    weight = 2 if server is members[0] else 1
    return [
        "--wsrep-on=ON",
        f"--wsrep-provider={PROVIDER}",
        f"--wsrep-provider-options=gcache.size=16M;pc.weight={weight};{PATIENCE}",
        "--wsrep-cluster-name=lab",
        f"--wsrep-cluster-address=gcomm://{addresses}",
        f"--wsrep-node-address={server.address}",
        f"--wsrep-node-name={server.name}",
        "--wsrep-sst-method=rsync",
        "--binlog-format=ROW",
        "--default-storage-engine=InnoDB",
        "--innodb-autoinc-lock-mode=2",
    ]


def prepare(members: list[MariaDb]) -> None:
    if not PROVIDER.exists():
        raise LabError(f"{PROVIDER} is missing: run tools/setup")
    for server in members:
        server.options = options(server, members)
        # A member that joins takes its accounts from the others.
        (server.dir / "init.sql").write_text("")


def start_first(server: MariaDb) -> None:
    server.options.append("--wsrep-new-cluster")
    server.start()
    wait_synced(server)
    server.options.remove("--wsrep-new-cluster")


def wait_synced(server: MariaDb) -> None:
    wait_until(f"{server.name} is synced", lambda: status(server, "local_state") == "4", JOIN_S)


def status(server: MariaDb, name: str) -> str:
    """"" while the server does not answer."""
    answer = server.sql(f"SHOW GLOBAL STATUS LIKE 'wsrep_{name}'", check=False)
    return answer.split("\t")[-1] if answer else ""


def cut(server: MariaDb, others: list[MariaDb]) -> None:
    """Nothing of this member's reaches the others any more; everybody else reaches it."""
    for other in others:
        server.network.run(server.name, ["ip", "route", "add", "blackhole", other.address])


def mend(server: MariaDb, others: list[MariaDb]) -> None:
    for other in others:
        server.network.run(server.name, ["ip", "route", "del", "blackhole", other.address])
