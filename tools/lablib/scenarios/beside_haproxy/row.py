"""What a comparison with HAProxy is made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """What the server does for a while, and what has to come of it."""

    what: str
    script: list | None  # steps of probes/scripted_server.py; None: the port is closed
    state: str  # "UP", "DOWN", "NOLB", "DRAIN" or "MAINT", of both
    check: str = ""  # "L7STS/503", of both; empty: only that they are the same
    # Where carpool is not like HAProxy on purpose: why, and HAProxy's state then.
    differs: str = ""
    haproxy_state: str = ""


@dataclass(frozen=True)
class Row:
    name: str
    lines: tuple[str, ...]  # of the backend, as in HAProxy; {dir} is where the scenario's files are
    phases: tuple[Phase, ...]
    # Parameters of the server, after `check inter ...`. {dir} and {port} are filled in here, in lines
    # and in scripts.
    server: str = ""

    def at(self, phase: int) -> Phase:
        return self.phases[min(phase, len(self.phases) - 1)]


def answer(text: str) -> list:
    """The usual server: reads, answers, closes."""
    return [["read"], ["send", text]]


def http(status: str, headers: str = "", body: str = "") -> list:
    return answer(
        f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n"
        f"\r\n{body}"
    )


CLOSED = None
SILENT = [["hold"]]
EMPTY = [["read"]]
RESET = [["read"], ["reset"]]
