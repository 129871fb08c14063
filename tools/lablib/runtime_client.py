"""A client of a runtime socket, HAProxy's or carpool's."""

import csv
import socket
from pathlib import Path


def ask(path: Path, command: str, timeout_s: float = 10.0) -> str:
    """Sends a line, or several, and returns everything up to the end of the connection."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(path))
        connection.sendall(command.encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def statistics(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    """'show stat' by proxy and server, each a line by the names of its columns."""
    lines = ask(path, "show stat").lstrip("# ").splitlines()
    return {(row["pxname"], row["svname"]): row for row in csv.DictReader(lines)}
