"""Keeps a few connections open and sends small requests on them in turn, at a steady rate: what an
established connection notices. Each connection waits for its answer before it asks again."""

import argparse
import json
import resource
import selectors
import signal
import socket
import time
from dataclasses import asdict, dataclass, field

# Answers that took longer are remembered one by one, as many as this.
SLOW_S = 0.005
MAX_SLOW = 2000

REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n"


@dataclass
class Connection:
    """One keep-alive connection and what it lived through."""

    server: str = ""
    answers: int = 0
    longest_answer: float = 0.0  # seconds
    longest_answer_at: float = 0.0  # when that request was sent
    slow: list[tuple[float, float]] = field(default_factory=list)  # when it was sent, seconds
    lost: str = ""  # why the connection ended, "" while it lives
    lost_at: float = 0.0
    # Of each answer: when it was asked for, and how long it took. Nothing unless wanted.
    trace: list[tuple[float, float]] | None = None

    def __post_init__(self) -> None:
        self.socket: socket.socket | None = None
        self.waiting_since = 0.0  # 0: no request under way
        self.buffer = b""

    def open(self, address: tuple[str, int]) -> None:
        try:
            self.socket = socket.create_connection(address, timeout=3)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.setblocking(False)
        except OSError as error:
            self.lose(f"connect: {error}")

    def lose(self, why: str) -> None:
        self.lost, self.lost_at = why, time.monotonic()
        if self.socket:
            self.socket.close()

    def ask(self) -> None:
        self.waiting_since = time.monotonic()
        try:
            self.socket.send(REQUEST)
        except OSError as error:
            self.lose(f"send: {error}")

    def hear(self) -> None:
        try:
            chunk = self.socket.recv(4096)
        except OSError as error:
            return self.lose(f"receive: {error}")
        if not chunk:
            return self.lose("closed by the server")
        self.buffer += chunk
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        if separator and len(body) >= content_length(head):
            self.note_answer(body.decode(errors="replace").strip())

    def note_answer(self, server: str) -> None:
        took = time.monotonic() - self.waiting_since
        if took > SLOW_S and len(self.slow) < MAX_SLOW:
            self.slow.append((self.waiting_since, took))
        if took > self.longest_answer:
            self.longest_answer, self.longest_answer_at = took, self.waiting_since
        if self.trace is not None:
            self.trace.append((round(self.waiting_since, 5), round(took, 5)))
        self.answers += 1
        self.server = server
        self.waiting_since, self.buffer = 0.0, b""


def content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def converse(connections: list[Connection], rate_hz: float, duration_s: float) -> None:
    selector = selectors.DefaultSelector()
    for connection in connections:
        if not connection.lost:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    start = time.monotonic()
    turn = 0
    while not stopped and time.monotonic() < start + duration_s:
        connection = connections[turn % len(connections)]
        turn += 1
        if not connection.lost and not connection.waiting_since:
            connection.ask()
        next_turn = start + turn / rate_hz
        # The remaining time of this turn belongs to answers.
        while True:
            ready = selector.select(max(0.0, next_turn - time.monotonic()))
            for key, _ in ready:
                if not key.data.lost:
                    key.data.hear()
                if key.data.lost:
                    selector.unregister(key.fileobj)
            if time.monotonic() >= next_turn:
                break
    note_unanswered(connections)


def note_unanswered(connections: list[Connection]) -> None:
    """A request that never got its answer counts with the time that it waited so far."""
    now = time.monotonic()
    for connection in connections:
        if connection.waiting_since and now - connection.waiting_since > connection.longest_answer:
            connection.longest_answer = now - connection.waiting_since
            connection.longest_answer_at = connection.waiting_since
            connection.slow.append((connection.waiting_since, connection.longest_answer))


def allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument(
        "--rate", type=float, default=1000, help="requests per second, all connections together"
    )
    parser.add_argument("--duration", type=float, default=300)
    parser.add_argument("--trace", action="store_true", help="also write when each answer came")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    allow_files(arguments.connections + 100)
    connections = [
        Connection(trace=[] if arguments.trace else None) for _ in range(arguments.connections)
    ]
    for connection in connections:
        connection.open((arguments.address, arguments.port))
    converse(connections, arguments.rate, arguments.duration)
    with open(arguments.out, "w") as out:
        json.dump([asdict(connection) for connection in connections], out)


if __name__ == "__main__":
    main()
