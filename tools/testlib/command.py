"""Runs one command with its output captured, and never longer than a limit."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Outcome(NamedTuple):
    ok: bool
    log: str
    seconds: float


def run(command: list[str], limit_s: float, env: dict[str, str] | None = None) -> Outcome:
    """Runs it in the project root, in a process group of its own so that a time-out ends its
    children too."""
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return Outcome(False, f"{command[0]}: {error.strerror}", 0.0)
    try:
        log, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        # Politely first: the lab takes its namespaces down on SIGTERM.
        log = terminate(process) + f"\nended after {limit_s:.0f} s without having finished\n"
        return Outcome(False, log, time.monotonic() - started)
    except BaseException:
        terminate(process)
        raise
    return Outcome(process.returncode == 0, log, time.monotonic() - started)


def terminate(process: subprocess.Popen) -> str:
    for number, patience_s in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            return process.communicate(timeout=patience_s)[0] or ""
        except subprocess.TimeoutExpired:
            continue
    return ""
