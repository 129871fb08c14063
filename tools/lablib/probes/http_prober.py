"""Opens a new TCP connection every few milliseconds, sends one HTTP request on it and notes how
that went.

Attempts overlap: a slow or dead one does not delay the next. The time-out is shorter than a SYN's
first retransmission, so each attempt tells about its own moment."""

import argparse
import asyncio
import json
import signal
import socket
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"


async def exchange(address: tuple[str, int]) -> str:
    """One connection, one request; returns the body, which is the server's name."""
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, address)
        await loop.sock_sendall(connection, REQUEST)
        response = b""
        while chunk := await loop.sock_recv(connection, 4096):
            response += chunk
    status, _, rest = response.partition(b"\r\n")
    if b" 200 " not in status + b" ":
        raise ConnectionError(f"answered {status.decode(errors='replace')!r}")
    return rest.partition(b"\r\n\r\n")[2].decode().strip()


async def attempt(
    address: tuple[str, int], timeout_s: float, attempts: list[dict], live: bool
) -> None:
    record = {"at": time.monotonic(), "ok": False}
    attempts.append(record)
    try:
        record["server"] = await asyncio.wait_for(exchange(address), timeout_s)
        record["ok"] = True
    except (TimeoutError, asyncio.TimeoutError):
        record["error"] = "timeout"
    except OSError as error:
        record["error"] = error.strerror or str(error)
    record["took"] = time.monotonic() - record["at"]
    if live:
        print(json.dumps(record), flush=True)


async def probe(arguments: argparse.Namespace) -> list[dict]:
    attempts, running = [], set()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    start = time.monotonic()
    turn = 0
    while not stopped.is_set() and time.monotonic() < start + arguments.duration:
        task = asyncio.create_task(
            attempt(
                (arguments.address, arguments.port), arguments.timeout, attempts, arguments.live
            )
        )
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
    parser.add_argument("--interval", type=float, default=0.010)
    parser.add_argument("--timeout", type=float, default=0.5)
    parser.add_argument("--duration", type=float, default=300)
    parser.add_argument("--live", action="store_true", help="also print each attempt when it ended")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    attempts = asyncio.run(probe(arguments))
    with open(arguments.out, "w") as out:
        json.dump(attempts, out)


if __name__ == "__main__":
    main()
