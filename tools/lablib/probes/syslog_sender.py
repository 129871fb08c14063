"""Sends numbered messages from many sockets in turn, as so many hosts would to a syslog server. Every
tenth one is long enough to travel in fragments."""

import argparse
import socket
import time

LONG = 4000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--senders", type=int, required=True)
    parser.add_argument("--messages", type=int, required=True, help="of each sender")
    parser.add_argument("--rate", type=float, default=2000, help="messages a second, of all")
    arguments = parser.parse_args()
    senders = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(arguments.senders)]
    for sender in senders:
        sender.connect((arguments.address, arguments.port))
    start = time.monotonic()
    sent = 0
    for number in range(arguments.messages):
        for index, sender in enumerate(senders):
            text = f"<14>host{index} lab: message {number}"
            sender.send(text.ljust(LONG if number % 10 == 0 else 0).encode())
            sent += 1
            time.sleep(max(0.0, start + sent / arguments.rate - time.monotonic()))


if __name__ == "__main__":
    main()
