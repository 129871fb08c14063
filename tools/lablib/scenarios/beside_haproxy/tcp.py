"""Plain connections and `tcp-check`."""

from .row import CLOSED, EMPTY, RESET, SILENT, Phase, Row, answer

TCP_CHECK = "option tcp-check"


def redis(*answers: str) -> list:
    return [step for text in answers for step in (["read"], ["send", text])]


ROWS = (
    Row(
        "connect",
        (),
        (
            Phase("accepts", SILENT, "UP", "L4OK"),
            Phase("closed port", CLOSED, "DOWN", "L4CON"),
            Phase("accepts again", SILENT, "UP", "L4OK"),
        ),
    ),
    Row(
        "expect-string",
        (TCP_CHECK, "tcp-check send PING\\r\\n", "tcp-check expect string +PONG"),
        (
            Phase("the right answer", answer("+PONG\r\n"), "UP", "L7OK"),
            Phase("a wrong answer", answer("-LOADING\r\n"), "DOWN", "L7RSP"),
            Phase("in two pieces", [["read"], ["send", "+PO"], ["wait", 0.05], ["send", "NG\r\n"]],
                  "UP", "L7OK"),
            Phase("no answer in time", SILENT, "DOWN", "L7TOUT"),
            Phase("nothing before the end", EMPTY, "DOWN", "L7RSP"),
            Phase("a reset", RESET, "DOWN", "SOCKERR"),
        ),
    ),
    Row(
        "dialogue",
        (
            TCP_CHECK,
            "tcp-check connect",
            "tcp-check send PING\\r\\n",
            "tcp-check expect string +PONG",
            "tcp-check comment replication",
            "tcp-check send info\\ replication\\r\\n",
            "tcp-check expect rstring role:(master|active)",
            "tcp-check send QUIT\\r\\n",
            "tcp-check expect string +OK",
        ),
        (
            Phase("a master", redis("+PONG", "role:master", "+OK"), "UP", "L7OK"),
            Phase("a replica", redis("+PONG", "role:slave"), "DOWN", "L7RSP"),
            Phase("an active one", redis("+PONG", "role:active", "+OK"), "UP", "L7OK"),
            Phase("stuck half way", [["read"], ["send", "+PONG"], ["hold"]], "DOWN", "L7TOUT"),
        ),
    ),
    Row(
        "expect-not",
        (TCP_CHECK, "tcp-check send x", "tcp-check expect min-recv 4 ! string ERR"),
        (
            Phase("no error", answer("fine"), "UP", "L7OK"),
            Phase("an error", answer("ERR no"), "DOWN", "L7RSP"),
            Phase("no error, at leisure", answer("well"), "UP", "L7OK"),
        ),
    ),
    Row(
        "expect-binary",
        (TCP_CHECK, "tcp-check send-binary 50494e47", "tcp-check expect binary 2b504f4e47"),
        (
            Phase("these bytes", answer("+PONG"), "UP", "L7OK"),
            Phase("other bytes", answer("\x00\xff"), "DOWN", "L7RSP"),
        ),
    ),
    Row(
        "expect-rbinary",
        (TCP_CHECK, "tcp-check send-binary 16", "tcp-check expect rbinary ^1[56]"),
        (
            Phase("a handshake", answer("\x16\x03\x01"), "UP", "L7OK"),
            Phase("none", answer("\x17\x03\x01"), "DOWN", "L7RSP"),
        ),
    ),
    Row(
        "banner",
        (TCP_CHECK, "tcp-check expect rstring ^SSH-2.0- comment ssh"),
        (
            Phase("speaks first", [["send", "SSH-2.0-OpenSSH_9.2\r\n"], ["hold"]], "UP", "L7OK"),
            Phase("speaks otherwise", [["send", "220 mail\r\n"]], "DOWN", "L7RSP"),
        ),
    ),
    Row(
        "named-results",
        (
            TCP_CHECK,
            "tcp-check expect string ok ok-status L6OK error-status L7STS tout-status L4TOUT",
        ),
        (
            Phase("good", [["send", "ok"]], "UP", "L6OK"),
            Phase("bad", [["send", "no"]], "DOWN", "L7STS"),
            Phase("late", SILENT, "DOWN", "L4TOUT"),
        ),
    ),
)
