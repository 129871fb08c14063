"""A MySQL server as far as its logins go: caching_sha2_password as MySQL 8 does it, with its cache,
over TLS and by RSA. Debian has no MySQL 8; MariaDB's client, which speaks this login too, shows that
this server does.

    sha2_server.py ADDRESS PORT STATE LOG [--key KEY] [--certificate CERT TLS_KEY]

STATE is a JSON file, read anew for every connection:
    user, password     who may log in
    remembers          whether logins go into the cache, as they do until FLUSH PRIVILEGES
    variables          what SHOW GLOBAL VARIABLES says, by name
LOG gets a line of JSON for each connection: how it was let in, or why not, and how it left."""

import argparse
import hashlib
import json
import os
import socketserver
import ssl
import struct
import subprocess
import threading
from pathlib import Path

PLUGIN = b"caching_sha2_password"
FAST_OK, FULL = b"\x03", b"\x04"
KEY_REQUEST = b"\x02"
COM_QUIT, COM_QUERY = 0x01, 0x03

LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TLS = 0x1, 0x8, 0x200, 0x800
TRANSACTIONS, SECURE_CONNECTION = 0x2000, 0x8000
PLUGIN_AUTH, LENGTH_ENCODED_AUTH = 0x80000, 0x200000
CAPABILITIES = (
    LONG_PASSWORD | CONNECT_WITH_DB | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION | PLUGIN_AUTH
    | LENGTH_ENCODED_AUTH
)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def xor(a: bytes, b: bytes) -> bytes:
    """As long as `a`; `b` is repeated."""
    return bytes(byte ^ b[index % len(b)] for index, byte in enumerate(a))


def length_encoded(text: str) -> bytes:
    data = text.encode()
    return bytes([len(data)]) + data  # up to 250 bytes


class Ended(Exception):
    """The client has gone."""


class Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.sequence = 0
        self.secure = False
        self.nonce = bytes(byte % 127 + 1 for byte in os.urandom(20))  # no zero in it
        self.entry = {"login": "none", "left": "without goodbye"}
        self.request.settimeout(30)
        try:
            self.server_state = json.loads(self.server.state.read_text())
            if self.log_in():
                self.serve()
        except (Ended, OSError) as error:
            if str(error):
                self.entry["error"] = str(error)
        self.server.write_log(self.entry)

    # ---- packets

    def read(self) -> bytes:
        header = self.exactly(4)
        self.sequence = header[3] + 1
        return self.exactly(int.from_bytes(header[:3], "little"))

    def exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.request.recv(size - len(data))
            if not more:
                raise Ended
            data += more
        return data

    def write(self, payload: bytes) -> None:
        header = len(payload).to_bytes(3, "little") + bytes([self.sequence & 0xFF])
        self.request.sendall(header + payload)
        self.sequence += 1

    def ok(self) -> None:
        self.write(b"\x00\x00\x00\x02\x00\x00\x00")

    def error(self, code: int, state: str, text: str) -> None:
        self.write(b"\xff" + struct.pack("<H", code) + b"#" + state.encode() + text.encode())

    def more(self, data: bytes) -> None:
        self.write(b"\x01" + data)

    # ---- login

    def greet(self) -> None:
        capabilities = CAPABILITIES | (TLS if self.server.tls else 0)
        self.write(
            b"\x0a8.0.36-lab\x00"
            + struct.pack("<I", threading.get_ident() & 0xFFFFFFFF)
            + self.nonce[:8]
            + b"\x00"
            + struct.pack("<HBHH", capabilities & 0xFFFF, 45, 2, capabilities >> 16)
            + bytes([len(self.nonce) + 1])
            + bytes(10)
            + self.nonce[8:]
            + b"\x00"
            + PLUGIN
            + b"\x00"
        )

    def log_in(self) -> bool:
        self.greet()
        response = self.read()
        if struct.unpack("<I", response[:4])[0] & TLS and len(response) == 32:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            self.secure = True
            response = self.read()
        user, scramble, plugin = parse_response(response)
        if plugin != PLUGIN:
            self.write(b"\xfe" + PLUGIN + b"\x00" + self.nonce + b"\x00")
            scramble = self.read()
        wanted = self.server_state
        password = wanted["password"].encode()
        how = self.authenticate(user, scramble, password)
        self.entry["login"] = how
        self.entry["tls"] = self.secure
        if how == "denied" or user != wanted["user"].encode():
            self.entry["login"] = "denied"
            name = user.decode(errors="replace")
            self.error(1045, "28000", f"Access denied for user '{name}' (using password: YES)")
            return False
        self.ok()
        return True

    def authenticate(self, user: bytes, scramble: bytes, password: bytes) -> str:
        cache = self.server.cache
        known = cache.get(user)
        if known:
            if sha256(xor(scramble, sha256(known, self.nonce))) != known:
                return "denied"
            self.more(FAST_OK)
            return "fast"
        self.more(FULL)
        said = self.read()
        how = "full over TLS"
        if not self.secure:
            if said != KEY_REQUEST:
                return "denied"
            self.more(self.server.public_key)
            said = xor(self.server.decrypt(self.read()), self.nonce)
            how = "full by RSA"
        if said != password + b"\x00":
            return "denied"
        if self.server_state.get("remembers", True):
            cache[user] = sha256(sha256(password))
        return how

    # ---- queries

    def serve(self) -> None:
        self.entry["queries"] = []
        while True:
            self.sequence = 0
            command = self.read()
            if command[0] == COM_QUIT:
                self.entry["left"] = "politely"
                return
            if command[0] != COM_QUERY:
                self.error(1047, "08S01", "Unknown command")
                continue
            query = command[1:].decode()
            self.entry["queries"].append(query)
            if query.upper().startswith("SHOW GLOBAL VARIABLES"):
                rows = self.server_state.get("variables", {}).items()
                self.result(["Variable_name", "Value"], [list(row) for row in rows])
            else:
                self.result(["answer"], [["1"]])

    def result(self, columns: list[str], rows: list[list[str]]) -> None:
        self.write(bytes([len(columns)]))
        for column in columns:
            names = b"".join(map(length_encoded, ("def", "", "", "", column, column)))
            self.write(names + b"\x0c" + struct.pack("<HIBHB", 45, 255, 0xFD, 0, 0) + b"\x00\x00")
        self.write(b"\xfe\x00\x00\x02\x00")
        for row in rows:
            self.write(b"".join(map(length_encoded, row)))
        self.write(b"\xfe\x00\x00\x02\x00")


def parse_response(response: bytes) -> tuple[bytes, bytes, bytes]:
    """User, answer and plugin of a HandshakeResponse41."""
    capabilities = struct.unpack("<I", response[:4])[0]
    user, _, rest = response[32:].partition(b"\x00")
    answer, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
    if capabilities & CONNECT_WITH_DB:
        rest = rest.partition(b"\x00")[2]
    plugin = rest.partition(b"\x00")[0] if capabilities & PLUGIN_AUTH else b"mysql_native_password"
    return user, answer, plugin


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, options: argparse.Namespace):
        super().__init__((options.address, options.port), Connection)
        self.state, self.log = options.state, options.log
        self.key = options.key
        self.public_key = openssl("pkey", "-in", str(self.key), "-pubout")
        self.cache: dict[bytes, bytes] = {}
        self.lock = threading.Lock()
        self.tls = None
        if options.certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*options.certificate)

    def decrypt(self, data: bytes) -> bytes:
        return openssl(
            "pkeyutl", "-decrypt", "-inkey", str(self.key), "-pkeyopt", "rsa_padding_mode:oaep",
            given=data,
        )

    def write_log(self, entry: dict) -> None:
        with self.lock, self.log.open("a") as file:
            file.write(json.dumps(entry) + "\n")


def openssl(*arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *arguments], input=given, check=True, capture_output=True
    ).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("state", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--certificate", nargs=2)
    Server(parser.parse_args()).serve_forever()


if __name__ == "__main__":
    main()
