"""Watches switch ports for the two ways in which a node claims an address: adverts of CARP or VRRP,
and ARP that names it.

It listens where a frame enters the switch, so it knows which node sent it, whatever its addresses
say (both nodes use the same virtual MAC)."""

import argparse
import ctypes
import json
import selectors
import signal
import socket
import struct
import time

ETH_P_ALL = 3
ETHERTYPE_IPV4, ETHERTYPE_ARP = 0x0800, 0x0806
PROTOCOL_CARP = 112  # and VRRP
CARP_LENGTH, CARP_AUTHLEN = 36, 7
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
SO_ATTACH_FILTER = 26

# ARP, or IPv4 with protocol 112; all else stays in the kernel. (code, jump if true, jump if false,
# operand)
FILTER = [
    (0x28, 0, 0, 12),  # ldh [12]: the ethertype
    (0x15, 3, 0, ETHERTYPE_ARP),  # jeq ARP: take
    (0x15, 0, 3, ETHERTYPE_IPV4),  # jne IPv4: leave
    (0x30, 0, 0, 23),  # ldb [23]: the protocol
    (0x15, 0, 1, PROTOCOL_CARP),  # jne CARP: leave
    (0x06, 0, 0, 256),  # take
    (0x06, 0, 0, 0),  # leave
]


def open_port(device: str) -> socket.socket:
    """A packet socket that sees what enters the switch at this port and is claim-like."""
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in FILTER)
    buffer = ctypes.create_string_buffer(program)
    port.setsockopt(
        socket.SOL_SOCKET,
        SO_ATTACH_FILTER,
        struct.pack("HL", len(FILTER), ctypes.addressof(buffer)),
    )
    port.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    port.bind((device, ETH_P_ALL))
    return port


def decode(frame: bytes, address: bytes) -> dict | None:
    """What the frame claims, or None. `address` is the one whose ownership is watched."""
    ethertype = int.from_bytes(frame[12:14], "big")
    if ethertype == ETHERTYPE_ARP and frame[28:32] == address:
        return {"kind": "arp", "mac": frame[22:28].hex(":")}
    if ethertype == ETHERTYPE_IPV4:
        header_length = (frame[14] & 15) * 4
        total_length = int.from_bytes(frame[16:18], "big")
        advert = frame[14 + header_length : 14 + total_length]
        if len(advert) >= 8:
            return {
                "kind": "advert",
                "source": socket.inet_ntoa(frame[26:30]),
                "source_mac": frame[6:12].hex(":"),
                **decode_advert(advert),
            }
    return None


def decode_advert(advert: bytes) -> dict:
    if len(advert) == CARP_LENGTH and advert[3] == CARP_AUTHLEN:
        return {"vhid": advert[1], "advskew": advert[2], "advbase": advert[5]}
    return {"vrid": advert[1], "version": advert[0] >> 4, "priority": advert[2]}


def watch(ports: dict[str, str], address: str, duration_s: float) -> list[dict]:
    wanted = socket.inet_aton(address)
    selector = selectors.DefaultSelector()
    for device, node in ports.items():
        selector.register(open_port(device), selectors.EVENT_READ, node)
    stopped, claims = [], []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    end = time.monotonic() + duration_s
    while not stopped and time.monotonic() < end:
        for key, _ in selector.select(0.1):
            frame = key.fileobj.recv(2048)
            if claim := decode(frame, wanted):
                claims.append({"at": time.monotonic(), "node": key.data, **claim})
    return claims


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("ports", nargs="+", metavar="DEVICE=NODE")
    parser.add_argument("--duration", type=float, default=300)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    ports = dict(port.split("=") for port in arguments.ports)
    claims = watch(ports, arguments.address, arguments.duration)
    with open(arguments.out, "w") as out:
        json.dump(claims, out)


if __name__ == "__main__":
    main()
