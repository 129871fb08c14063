"""The checks that speak a protocol of their own: MySQL, PostgreSQL, Redis, SMTP, LDAP, TLS."""

import struct

from .row import CLOSED, EMPTY, RESET, SILENT, Phase, Row, answer

GARBAGE = answer("HTTP/1.1 400 Bad Request\r\n\r\n")


def text(data: bytes) -> str:
    """Bytes as a script of a server wants them."""
    return data.decode("latin-1")


def hold(*steps: list) -> list:
    """The server keeps the connection after these steps."""
    return [*steps, ["hold"]]


# ------------------------------------------------------------------------------------------ MySQL


def packet(sequence: int, payload: bytes) -> str:
    return text(struct.pack("<I", len(payload))[:3] + bytes([sequence]) + payload)


def mysql_error(sequence: int, code: int, message: str) -> str:
    return packet(sequence, b"\xff" + struct.pack("<H", code) + message.encode())


GREETING = packet(
    0,
    b"\x0a5.5.5-10.11.6-MariaDB\0"
    + struct.pack("<I", 42)
    + b"abcdefgh\0\xff\xf7\x2d\x02\x00\xff\xdf\x15"
    + bytes(10)
    + b"ijklmnopqrst\0mysql_native_password\0",
)
OK = packet(2, b"\0\0\0\2\0\0\0")
SWITCH = packet(2, b"\xfecaching_sha2_password\0abcdefghijklmnopqrst\0")
TOO_MANY = mysql_error(0, 1040, "Too many connections")


def login(reply: str, *after: list) -> list:
    return [["send", GREETING], ["read"], ["send", reply], *after]


MYSQL_USER = (
    Phase("lets in", login(OK, ["hold"]), "UP", "L7OK"),
    Phase("denies", login(mysql_error(2, 1045, "#28000Access denied")), "DOWN", "L7STS/1045"),
    Phase("wants another way to log in", login(SWITCH, ["hold"]), "UP", "L7OK"),
    Phase("too many connections", [["send", TOO_MANY], ["read"]], "DOWN", "L7STS/1040"),
    Phase("silent after its greeting", hold(["send", GREETING]), "DOWN", "L7TOUT"),
    Phase("closes after its greeting", [["send", GREETING], ["read"]], "DOWN", "L7RSP"),
    Phase("garbage", GARBAGE, "DOWN", "L7RSP"),
)

MYSQL = (
    Row(
        "mysql-check",
        ("option mysql-check",),
        (
            Phase("greets", hold(["send", GREETING]), "UP", "L7OK"),
            Phase("too many connections", [["send", TOO_MANY]], "DOWN", "L7STS/1040"),
            Phase("greets again", hold(["send", GREETING]), "UP", "L7OK"),
            Phase("blocks us", [["send", mysql_error(0, 1129, "Host is blocked")]], "DOWN",
                  "L7STS/1129"),
            Phase("garbage", [["send", "SSH-2.0-OpenSSH\r\n"]], "DOWN", "L7RSP"),
            Phase("silent", SILENT, "DOWN", "L7TOUT"),
            Phase("closes", [], "DOWN", "L7RSP"),
        ),
    ),
    Row("mysql-check-user", ("option mysql-check user haproxy",), MYSQL_USER),
    Row("mysql-check-pre-41", ("option mysql-check user haproxy pre-41",), MYSQL_USER[:2]),
)

# ------------------------------------------------------------------------------------- PostgreSQL

REFUSAL = b"E\0\0\0\x2cSFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry\0\0"

PGSQL = (
    Row(
        "pgsql-check",
        ("option pgsql-check user haproxy",),
        (
            Phase("asks by scram", hold(*answer(text(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"))),
                  "UP", "L7OK"),
            Phase("refuses", answer(text(REFUSAL)), "DOWN", "L7RSP"),
            Phase("trusts", hold(*answer(text(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"))), "UP", "L7OK"),
            Phase("a way of old", hold(*answer(text(b"R\0\0\0\x08\0\0\0\1"))), "DOWN", "L7STS"),
            Phase("garbage", GARBAGE, "DOWN", "L7STS"),
            Phase("silent", SILENT, "DOWN", "L7TOUT"),
            Phase("closes", EMPTY, "DOWN", "L7RSP"),
        ),
    ),
)

# ------------------------------------------------------------------------------------------ Redis

REDIS = (
    Row(
        "redis-check",
        ("option redis-check",),
        (
            Phase("pong", hold(*answer("+PONG\r\n")), "UP", "L7OK"),
            Phase("wants a password", hold(*answer("-NOAUTH Authentication required.\r\n")),
                  "DOWN", "L7TOUT"),
            Phase("is loading, and closes", answer("-LOADING the dataset\r\n"), "DOWN", "L7STS"),
            Phase("in two pieces", hold(["read"], ["send", "+PO"], ["wait", 0.05],
                                        ["send", "NG\r\n"]), "UP", "L7OK"),
            Phase("closes", EMPTY, "DOWN", "L7STS"),
            Phase("resets", RESET, "DOWN", "SOCKERR"),
            Phase("closed port", CLOSED, "DOWN", "L4CON"),
        ),
    ),
)

# ------------------------------------------------------------------------------------------- SMTP


def smtp(banner: str, *replies: str) -> list:
    return [["send", banner], *(step for reply in replies for step in answer(reply))]


SMTP = (
    Row(
        "smtpchk",
        ("option smtpchk",),
        (
            Phase("takes mail", smtp("220 mx ESMTP\r\n", "250 mx\r\n", "221 Bye\r\n"), "UP",
                  "L7OK/221"),
            Phase("busy", smtp("421 too busy\r\n"), "DOWN", "L7STS/421"),
            Phase("takes mail again", smtp("220 mx ESMTP\r\n", "250 mx\r\n", "221 Bye\r\n"), "UP",
                  "L7OK/221"),
            Phase("refuses our goodbye", smtp("220 mx\r\n", "250 mx\r\n", "500 what\r\n"), "DOWN",
                  "L7STS/500"),
            Phase("a banner of two lines", smtp("220-mx\r\n220 ESMTP\r\n"), "DOWN", "L7RSP"),
            Phase("refuses our hello", hold(*smtp("220 mx\r\n", "501 no\r\n")), "DOWN", "L7TOUT"),
            Phase("garbage", [["send", "hello there\r\n"], ["read"]], "DOWN", "L7RSP"),
        ),
    ),
    Row(
        "smtpchk-ehlo",
        ("option smtpchk EHLO probe.example",),
        (
            Phase("many lines", smtp("220 mx\r\n", "250-mx\r\n250 SIZE\r\n", "221 Bye\r\n"), "UP",
                  "L7OK/221"),
            Phase("closes after its banner", [["send", "220 mx\r\n"], ["read"]], "DOWN", "L7STS"),
        ),
    ),
)

# -------------------------------------------------------------------------------------- LDAP, TLS

BIND_OK = bytes.fromhex("300c02010161070a010004000400")
BIND_REFUSED = bytes.fromhex("300c02010161070a013004000400")
BIND_OK_OF_ACTIVE_DIRECTORY = bytes.fromhex("3084000000100201016184000000070a010004000400")

LDAP = (
    Row(
        "ldap-check",
        ("option ldap-check",),
        (
            Phase("binds", hold(*answer(text(BIND_OK))), "UP", "L7OK"),
            Phase("refuses to bind", hold(*answer(text(BIND_REFUSED))), "DOWN", "L7STS/48"),
            Phase("binds at length", hold(*answer(text(BIND_OK_OF_ACTIVE_DIRECTORY))), "UP",
                  "L7OK"),
            Phase("garbage", GARBAGE, "DOWN", "L7RSP"),
            Phase("silent", SILENT, "DOWN", "L7TOUT"),
            Phase("closes", EMPTY, "DOWN", "L7RSP"),
        ),
    ),
)

TLS = (
    Row(
        "ssl-hello-chk",
        ("option ssl-hello-chk",),
        (
            Phase("an alert", answer(text(bytes.fromhex("15030000020228"))), "UP", "L6OK"),
            Phase("garbage", GARBAGE, "DOWN", "L6RSP"),
            Phase("a hello", hold(*answer(text(bytes.fromhex("160300004a02")))), "UP", "L6OK"),
            Phase("silent", SILENT, "DOWN", "L6TOUT"),
            Phase("closes", EMPTY, "DOWN", "L6RSP"),
            Phase("resets", RESET, "DOWN", "SOCKERR"),
        ),
    ),
)

ROWS = (*MYSQL, *PGSQL, *REDIS, *SMTP, *LDAP, *TLS)
