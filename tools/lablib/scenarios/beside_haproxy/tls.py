"""Checks over TLS (`check-ssl`), with certificates of every kind."""

from ...certificates import Wish
from .row import CLOSED, SILENT, Phase, Row, http

HOST = "www.lab.example"
WISHES = {
    "good": Wish(HOST),
    "expired": Wish(HOST, -30, -1),
    "other": Wish("other.lab.example"),
    "selfsigned": Wish(HOST, by_ca=False),
}
# Where checks_beside_haproxy puts them.
CERTIFICATES = "certificates"
FOLDER = "{dir}/" + CERTIFICATES
VERIFIED = f"check-ssl check-sni {HOST} verifyhost {HOST} verify required ca-file {FOLDER}/ca.pem"


def tls(certificate: str, then: list | None = None) -> list:
    files = (f"{FOLDER}/{certificate}.pem", f"{FOLDER}/{certificate}.key")
    return [["tls", *files], *(then or [["hold"]])]


ROWS = (
    Row(
        "check-ssl",
        (),
        (
            Phase("a good certificate", tls("good"), "UP", "L6OK"),
            Phase("an expired one", tls("expired"), "DOWN", "L6RSP"),
            Phase("a good one again", tls("good"), "UP", "L6OK"),
            Phase("another host's", tls("other"), "DOWN", "L6RSP"),
            Phase("its own", tls("selfsigned"), "DOWN", "L6RSP"),
            Phase("no TLS at all", [["read"], ["send", "HTTP/1.0 400 Bad Request\r\n\r\n"]],
                  "DOWN", "L6RSP"),
            Phase("no answer in time", SILENT, "DOWN", "L6TOUT"),
        ),
        VERIFIED,
    ),
    Row(
        "check-ssl-verify-none",
        (),
        (
            Phase("an expired certificate", tls("expired"), "UP", "L6OK"),
            Phase("closed port", CLOSED, "DOWN", "L4CON"),
        ),
        "check-ssl verify none",
    ),
    Row(
        "https",
        ("option httpchk GET /health",),
        (
            Phase("200", tls("good", http("200 OK")), "UP", "L7OK/200"),
            Phase("503", tls("good", http("503 Service Unavailable")), "DOWN", "L7STS/503"),
            Phase("200 again", tls("good", http("200 OK")), "UP", "L7OK/200"),
            Phase("200 by another host", tls("other", http("200 OK")), "DOWN", "L6RSP"),
        ),
        VERIFIED,
    ),
)
