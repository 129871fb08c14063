"""Opens keep-alive connections, asks on each who answers, and then says nothing more: how and when
does each of them end?"""

import argparse
import asyncio
import json
import signal
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n"


async def hold(address: str, port: int, records: list[dict]) -> None:
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().splitlines()
        if line.startswith(b"content-length:")
    )
    record = {"server": (await reader.readexactly(length)).decode().strip(), "how": "held"}
    records.append(record)
    try:
        record["how"] = "data" if await reader.read(1) else "closed"
    except ConnectionResetError:
        record["how"] = "reset"
    except OSError as error:
        record["how"] = error.strerror
    record["at"] = time.monotonic()
    writer.close()


async def probe(arguments: argparse.Namespace) -> list[dict]:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    records: list[dict] = []
    tasks = [
        asyncio.create_task(hold(arguments.address, arguments.port, records))
        for _ in range(arguments.connections)
    ]
    while len(records) < arguments.connections and not any(task.done() for task in tasks):
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await stopped.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    records = asyncio.run(probe(arguments))
    with open(arguments.out, "w", encoding="utf-8") as file:
        json.dump(records, file)


if __name__ == "__main__":
    main()
