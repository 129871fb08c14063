"""Asks every few milliseconds who has an address, by broadcast ARP. Who answers is for the wire
watcher to see."""

import argparse
import signal
import socket
import struct
import time

ETHERTYPE_ARP = 0x0806
BROADCAST = b"\xff" * 6


def who_has(source_mac: bytes, source: str, target: str) -> bytes:
    ethernet = BROADCAST + source_mac + struct.pack("!H", ETHERTYPE_ARP)
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
    return (
        ethernet + arp + source_mac + socket.inet_aton(source) + bytes(6) + socket.inet_aton(target)
    ).ljust(60, b"\0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("device")
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--interval", type=float, default=0.020)
    parser.add_argument("--duration", type=float, default=300)
    arguments = parser.parse_args()
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as device:
        device.bind((arguments.device, 0))
        frame = who_has(device.getsockname()[4], arguments.source, arguments.target)
        start = time.monotonic()
        turn = 0
        while not stopped and time.monotonic() < start + arguments.duration:
            device.send(frame)
            turn += 1
            time.sleep(max(0.0, start + turn * arguments.interval - time.monotonic()))


if __name__ == "__main__":
    main()
