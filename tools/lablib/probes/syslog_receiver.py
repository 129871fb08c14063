"""Receives datagrams as a syslog server does: answers nothing, and notes each with its sender."""

import argparse
import json
import signal
import socket
import sys


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    received = []
    with socket.socket(type=socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        receiver.bind(("0.0.0.0", arguments.port))
        try:
            while True:
                text, (address, port) = receiver.recvfrom(65536)
                received.append({"from": f"{address}:{port}", "text": text.decode()})
        finally:
            with open(arguments.out, "w") as out:
                json.dump(received, out)


if __name__ == "__main__":
    main()
