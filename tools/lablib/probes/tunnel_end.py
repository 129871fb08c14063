"""The far end of IP-in-IP and GUE tunnels, for a kernel without such devices: takes the outer headers
off and hands what was inside to the host's own stack."""

import argparse
import fcntl
import os
import select
import signal
import socket
import struct
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PROTOCOL_IPIP = 4
GUE_PORT, GUE_HEADER = 6080, bytes((0, PROTOCOL_IPIP, 0, 0))


def open_tun(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def inside_ipip(packet: bytes) -> bytes:
    return packet[(packet[0] & 0xF) * 4 :]


def inside_gue(datagram: bytes) -> bytes:
    return datagram[len(GUE_HEADER) :] if datagram.startswith(GUE_HEADER) else b""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("device", help="name of the device to make")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    tun = open_tun(arguments.device)
    ipip = socket.socket(socket.AF_INET, socket.SOCK_RAW, PROTOCOL_IPIP)
    gue = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    gue.bind(("0.0.0.0", GUE_PORT))
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([ipip, gue], [], [])
        for source in readable:
            strip = inside_ipip if source is ipip else inside_gue
            if inner := strip(source.recv(65536)):
                os.write(tun, inner)


if __name__ == "__main__":
    main()
