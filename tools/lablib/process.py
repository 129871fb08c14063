"""Commands, daemons and waiting. Every wait is a poll with a deadline."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class LabError(Exception):
    """Something that the user should read; not a bug of the lab."""


def say(text: str) -> None:
    print(text, flush=True)


def extend_search_path() -> None:
    """Finds Debian's administration programs also when called without an administrator's search
    path."""
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"


def run(
    command: list[str], *, check: bool = True, input: str | None = None, timeout_s: float = 60
) -> subprocess.CompletedProcess:
    """Runs a short command to its end with its output captured."""
    try:
        result = subprocess.run(
            command,
            input=input,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            stdin=subprocess.DEVNULL if input is None else None,
        )
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is missing: run tools/setup") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(command)}: no end after {timeout_s} s") from error
    if check and result.returncode != 0:
        output = (result.stderr or result.stdout).strip()
        raise LabError(f"{' '.join(command)}: exit status {result.returncode}: {output}")
    return result


def start_daemon(command: list[str], log: Path) -> subprocess.Popen:
    """Starts a process that outlives the lab's own, its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def wait_until(
    what: str, condition: Callable[[], T], deadline_s: float, interval_s: float = 0.05
) -> T:
    """Polls until the condition yields something true, and returns that."""
    deadline = time.monotonic() + deadline_s
    while True:
        if value := condition():
            return value
        if time.monotonic() >= deadline:
            raise LabError(f"waited {deadline_s:g} s in vain until {what}")
        time.sleep(interval_s)


def command_name(pid: int) -> str:
    """The name of the program that this process runs, "" if there is no such process."""
    try:
        return Path(os.readlink(f"/proc/{pid}/exe")).name.removesuffix(" (deleted)")
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Alive, or still dying: not when it is a zombie that merely nobody has fetched yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        # The first thread is a zombie early; files and locks are held until the last one is gone.
        return state not in "ZX" or len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def send_signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def end_processes(pids: list[int], patience_s: float = 2.0) -> None:
    """SIGTERM, and SIGKILL for those still there after a while. Returns when all are gone."""
    send_signal(pids, signal.SIGTERM)
    try:
        wait_until("processes end", lambda: not any(map(is_alive, pids)), patience_s)
    except LabError:
        kill_processes(pids)


def kill_processes(pids: list[int]) -> None:
    """SIGKILL; returns when all are gone."""
    send_signal(pids, signal.SIGKILL)
    wait_until("killed processes are gone", lambda: not any(map(is_alive, pids)), 5, 0.005)


def is_listening(pid: int, port: int) -> bool:
    """Whether any TCP socket listens on the port in the network namespace of the process."""
    try:
        lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return False
    listen = "0A"
    return any(
        fields[3] == listen and fields[1].endswith(f":{port:04X}")
        for fields in map(str.split, lines)
    )


def tail(log: Path, lines: int = 30) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"({error.strerror})"
