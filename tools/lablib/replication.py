"""Two MariaDB servers in replication: which is whose replica, and how they change places."""

from .process import LabError, wait_until
from .servers import MariaDb

USER = PASSWORD = "replica"
# What each server is started with, so that each can be either.
OPTIONS = ["--log-bin=binlog", "--log-slave-updates", "--relay-log=relay", "--slave-net-timeout=4"]


def start(primary: MariaDb, replica: MariaDb) -> None:
    """Replication from here on; what is there already is the same on both."""
    primary.sql(
        f"CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';"
        f"GRANT REPLICATION SLAVE ON *.* TO '{USER}'@'%';"
        "CREATE TABLE lab.notes (id INT PRIMARY KEY AUTO_INCREMENT, text VARCHAR(64));"
        "FLUSH TABLES;"
    )
    replica.sql(
        f"CHANGE MASTER TO MASTER_HOST='{primary.address}', MASTER_PORT={primary.port},"
        f" MASTER_USER='{USER}', MASTER_PASSWORD='{PASSWORD}', MASTER_CONNECT_RETRY=1,"
        " MASTER_USE_GTID=slave_pos; START SLAVE; SET GLOBAL read_only = ON"
    )
    write(primary)
    wait_until("the replica has what the primary has", lambda: same_notes(primary, replica), 20)


def write(primary: MariaDb) -> None:
    primary.sql("INSERT INTO lab.notes (text) VALUES (NOW(6))")


def same_notes(primary: MariaDb, replica: MariaDb) -> bool:
    count = "SELECT COUNT(*) FROM lab.notes"
    try:
        return primary.sql(count) == replica.sql(count)
    except LabError:
        return False  # the table is not there yet
