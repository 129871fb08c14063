"""Servers that do what a file says: one TCP port, one script. The file is read again for every
connection, so that whoever changes it changes the servers.

The file is JSON: port -> list of steps, carried out in order for each connection:
    ["read"]          wait until the client has sent something
    ["send", TEXT]    TEXT is Latin-1: each character is one byte
    ["wait", SECONDS] do nothing for a while
    ["hold"]          keep the connection until the client ends it
    ["reset"]         end it with a RST
    ["tls", CERTIFICATE, KEY]  from here on TLS
The connection is closed after the last step. A port without script refuses connections."""

import argparse
import asyncio
import json
import socket
import ssl
import struct
from pathlib import Path

READ_LIMIT = 65536


async def carry_out(steps: list[list], reader: asyncio.StreamReader, writer) -> None:
    for verb, *arguments in steps:
        if verb == "read":
            await reader.read(READ_LIMIT)
        elif verb == "send":
            writer.write(arguments[0].encode("latin-1"))
            await writer.drain()
        elif verb == "wait":
            await asyncio.sleep(arguments[0])
        elif verb == "hold":
            while await reader.read(READ_LIMIT):
                pass
        elif verb == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*arguments)
            await writer.start_tls(context)
        elif verb == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
        else:
            raise ValueError(f"unknown step {verb}")


class Servers:
    def __init__(self, address: str, scripts: Path):
        self.address, self.scripts = address, scripts
        self.listening: dict[str, asyncio.Server] = {}

    def read_scripts(self) -> dict[str, list]:
        return json.loads(self.scripts.read_text())

    async def follow(self) -> None:
        """Opens and closes ports as the file says; a change is seen within a moment."""
        while True:
            wanted = self.read_scripts()
            for port in wanted.keys() - self.listening.keys():
                self.listening[port] = await asyncio.start_server(
                    lambda reader, writer, port=port: self.serve(port, reader, writer),
                    self.address,
                    int(port),
                )
            for port in self.listening.keys() - wanted.keys():
                self.listening.pop(port).close()
            await asyncio.sleep(0.02)

    async def serve(self, port: str, reader: asyncio.StreamReader, writer) -> None:
        try:
            await carry_out(self.read_scripts().get(port, []), reader, writer)
        except (ConnectionError, ssl.SSLError):
            pass  # whoever asked has had enough, perhaps of our certificate
        finally:
            writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("address")
    parser.add_argument("scripts", type=Path)
    arguments = parser.parse_args()
    asyncio.run(Servers(arguments.address, arguments.scripts).follow())


if __name__ == "__main__":
    main()
