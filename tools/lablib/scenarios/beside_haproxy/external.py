"""`external-check`: the same program run by both."""

from .row import CLOSED, SILENT, Phase, Row

# Where both find the program; checks_beside_haproxy puts it there.
PROGRAM = "external-check"


def says(text: str) -> list:
    return [["send", text + "\n"], ["hold"]]


ROWS = (
    Row(
        "external-check",
        ("option external-check", f"external-check command {PROGRAM}", "external-check path {dir}:/bin"),
        (
            Phase("exits with 0", says("0 all is well"), "UP", "PROCOK"),
            Phase("exits with 3", says("3 no replica"), "DOWN", "PROCERR/3"),
            Phase("exits with 0 again", says("0"), "UP", "PROCOK"),
            Phase("hangs, with a child", says("hang"), "DOWN", "PROCTOUT"),
            Phase("well again", says("0"), "UP", "PROCOK"),
            Phase("is killed", says("die"), "DOWN", "PROCERR"),
            Phase("hears nothing", SILENT, "DOWN", "PROCTOUT"),
            Phase("closed port", CLOSED, "DOWN", "PROCERR/1"),
        ),
    ),
)
