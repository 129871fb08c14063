"""`agent-check`: a program on the server says what it can take."""

from .row import Phase, Row


def says(text: str) -> list:
    return [["send", text + "\n"]]


ROWS = (
    Row(
        "agent-check",
        (),
        (
            Phase("up", says("up"), "UP"),
            Phase("down", says("down"), "DOWN"),
            Phase("up again", says("up"), "UP"),
            Phase("drain", says("drain"), "DRAIN"),
            Phase("ready", says("ready"), "UP"),
            Phase("maint", says("maint"), "MAINT"),
            Phase("ready and stopped", says("ready stopped #for the night"), "DOWN"),
        ),
        "agent-check agent-port {port} agent-inter 300ms",
    ),
)
