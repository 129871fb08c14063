"""Asks a name server for the addresses of a name every few milliseconds, as a resolver does: A and
AAAA at once from one new socket. Notes how that went and which address came back.

Questions overlap: a lost one does not delay the next."""

import argparse
import asyncio
import json
import secrets
import signal
import socket
import struct
import time

A, AAAA = 1, 28


def question(identity: int, name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!6H", identity, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, 1)


def address_in(reply: bytes) -> str:
    """The IPv4 address at the end of the only answer (RFC 1035, 4.1)."""
    _, flags, _, answers = struct.unpack_from("!4H", reply)
    if flags & 0x800F != 0x8000 or answers != 1:
        raise OSError(f"answered with flags {flags:#06x} and {answers} records")
    return socket.inet_ntoa(reply[-4:])


async def ask(address: tuple[str, int], name: str) -> str:
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as asker:
        asker.setblocking(False)
        asker.connect(address)
        open_questions = {secrets.randbelow(65536): kind for kind in (A, AAAA)}
        for identity, kind in open_questions.items():
            await loop.sock_sendall(asker, question(identity, name, kind))
        found = ""
        while open_questions:
            reply = await loop.sock_recv(asker, 4096)
            kind = open_questions.pop(int.from_bytes(reply[:2]))
            last = address_in(reply)
            found = last if kind == A else found
        return found


async def attempt(arguments: argparse.Namespace, attempts: list[dict]) -> None:
    record = {"at": time.monotonic(), "ok": False}
    attempts.append(record)
    try:
        exchange = ask((arguments.address, arguments.port), arguments.name)
        record["server"] = await asyncio.wait_for(exchange, arguments.timeout)
        record["ok"] = True
    except (TimeoutError, asyncio.TimeoutError):
        record["error"] = "timeout"
    except OSError as error:
        record["error"] = error.strerror or str(error)
    record["took"] = time.monotonic() - record["at"]


async def probe(arguments: argparse.Namespace) -> list[dict]:
    attempts, running = [], set()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    start = time.monotonic()
    turn = 0
    while not stopped.is_set() and time.monotonic() < start + arguments.duration:
        task = asyncio.create_task(attempt(arguments, attempts))
        running.add(task)
        task.add_done_callback(running.discard)
        turn += 1
        await asyncio.sleep(max(0.0, start + turn * arguments.interval - time.monotonic()))
    await asyncio.gather(*running)
    return attempts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("name")
    parser.add_argument("--interval", type=float, default=0.010)
    parser.add_argument("--timeout", type=float, default=2.0)
    parser.add_argument("--duration", type=float, default=300)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    attempts = asyncio.run(probe(arguments))
    with open(arguments.out, "w") as out:
        json.dump(attempts, out)


if __name__ == "__main__":
    main()
