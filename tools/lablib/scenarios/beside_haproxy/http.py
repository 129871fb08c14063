"""`option httpchk` and `http-check`."""

from .row import CLOSED, EMPTY, RESET, SILENT, Phase, Row, answer, http

HTTPCHK = "option httpchk GET /health"
CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
MYSQLCHK = (
    "HTTP/1.1 {status}\r\nContent-Type: Content-Type: text/plain\r\n\r\n\r\n{text}\r\n"
)

ROWS = (
    Row(
        "httpchk",
        (HTTPCHK,),
        (
            Phase("200", http("200 OK"), "UP", "L7OK/200"),
            Phase("503", http("503 Service Unavailable"), "DOWN", "L7STS/503"),
            Phase("302", http("302 Found"), "UP", "L7OK/302"),
            Phase("404", http("404 Not Found"), "DOWN", "L7STS/404"),
            Phase("closed port", CLOSED, "DOWN", "L4CON"),
            Phase("silence", SILENT, "DOWN", "L7TOUT"),
        ),
    ),
    Row(
        "httpchk-broken",
        (HTTPCHK,),
        (
            Phase("200", http("200 OK"), "UP", "L7OK/200"),
            Phase("another protocol", answer("SSH-2.0-OpenSSH\r\n"), "DOWN", "L7RSP"),
            Phase("nothing", EMPTY, "DOWN"),
            Phase("a reset", RESET, "DOWN", "SOCKERR"),
        ),
    ),
    Row(
        "mysqlchk",
        (HTTPCHK,),
        (
            Phase("in rotation", [["send", MYSQLCHK.format(status="200 OK", text="running")]],
                  "UP", "L7OK/200"),
            Phase("out", [["send", MYSQLCHK.format(status="503 Down", text="down")]],
                  "DOWN", "L7STS/503"),
            Phase("text for headers", answer("HTTP/1.1 200 OK\r\nMySQL is running.\r\n\r\n"),
                  "UP", "L7OK/200", "the status line decides, whatever follows it", "DOWN"),
        ),
    ),
    Row(
        "expect-status",
        (HTTPCHK, "http-check expect status 200-202,404"),
        (
            Phase("202", http("202 Accepted"), "UP", "L7OK/202"),
            Phase("302", http("302 Found"), "DOWN", "L7STS/302"),
            Phase("404", http("404 Not Found"), "UP", "L7OK/404"),
        ),
    ),
    Row(
        "expect-rstatus",
        (HTTPCHK, "http-check expect ! rstatus ^5"),
        (
            Phase("404", http("404 Not Found"), "UP", "L7OK/404"),
            Phase("500", http("500 Oops"), "DOWN", "L7STS/500"),
        ),
    ),
    Row(
        "expect-body",
        (HTTPCHK, "http-check expect string ready"),
        (
            Phase("there", http("200 OK", body="all is ready"), "UP", "L7OK/200"),
            Phase("not there", http("200 OK", body="wait"), "DOWN"),
            Phase("in chunks", answer(CHUNKED + "3\r\nrea\r\n2\r\ndy\r\n0\r\n\r\n"), "UP",
                  "L7OK/200"),
            Phase("whatever the status", http("500 Oops", body="ready"), "UP", "L7OK/500"),
            Phase("no body", http("200 OK"), "DOWN"),
        ),
    ),
    Row(
        "expect-rbody",
        (HTTPCHK, "http-check expect ! rstring (error|fail)"),
        (
            Phase("without", http("200 OK", body="all well"), "UP", "L7OK/200"),
            Phase("with", http("200 OK", body="1 error"), "DOWN"),
        ),
    ),
    Row(
        "expect-header",
        (HTTPCHK, "http-check expect hdr name x-role value -m beg prim"),
        (
            Phase("the right one", http("200 OK", "X-Role: primary\r\n"), "UP", "L7OK/200"),
            Phase("another value", http("200 OK", "X-Role: replica\r\n"), "DOWN", "L7STS/200"),
            Phase("in a list", http("200 OK", "X-Role: a, primary\r\n"), "UP", "L7OK/200"),
            Phase("none", http("200 OK"), "DOWN", "L7STS/200"),
        ),
    ),
    Row(
        "disable-on-404",
        (HTTPCHK, "http-check disable-on-404"),
        (
            Phase("200", http("200 OK"), "UP", "L7OK/200"),
            Phase("404", http("404 Not Found"), "NOLB", "L7OKC/404"),
            Phase("500", http("500 Oops"), "DOWN", "L7STS/500"),
            Phase("404 while down", http("404 Not Found"), "DOWN", "L7STS/404"),
            Phase("200 again", http("200 OK"), "UP", "L7OK/200"),
        ),
    ),
    Row(
        "two-rounds",
        (
            "option httpchk",
            "http-check connect",
            "http-check send meth GET uri /one ver HTTP/1.1 hdr Host one.example",
            "http-check expect status 200",
            "http-check connect",
            "http-check send meth GET uri /two ver HTTP/1.1 hdr Host two.example",
            "http-check expect string ok",
        ),
        (
            Phase("both", http("200 OK", body="ok"), "UP", "L7OK/200"),
            Phase("only the first", http("200 OK", body="no"), "DOWN"),
            Phase("neither", http("500 Oops", body="ok"), "DOWN", "L7STS/500"),
        ),
    ),
)
