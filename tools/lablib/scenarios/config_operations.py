"""A day of an administrator: edits, mistakes, second thoughts, and a change that locks him out;
with traffic all the while, and git to say what happened."""

import os
import random
import signal
import subprocess
from pathlib import Path

from .. import measure
from ..appliance import Appliance
from ..config import LabConfig
from ..lab import Lab
from ..outcome import Outcome
from ..process import run as run_command
from ..process import wait_until
from ..topology import VIRTUAL_ADDRESS, WEB_SERVERS
from .scenario import Scenario

CONNECTIONS = 6
TRIAL_S = 3
EXTRA = f"""\
listen extra
    bind {VIRTUAL_ADDRESS}:8081
    server web1 {WEB_SERVERS[0].address}:80 check inter 500ms rise 2 fall 2
"""


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    node = lab.node("lb1")
    node.config_folder = node.dir / "conf.d"
    node.config_file = node.config_folder / "10-site.cfg"
    extra = node.config_folder / "20-extra.cfg"
    extra.parent.mkdir(parents=True, exist_ok=True)
    extra.write_text(EXTRA)
    lab.up(config)

    outcome.step(f"{CONNECTIONS} established connections, and a new one every 10 ms")
    talk, prober = lab.clients.ping_pong(CONNECTIONS, 300), lab.clients.http_prober()
    good_edits(outcome, node)
    bad_edits(outcome, node)
    trials(outcome, node)
    switching(outcome, node, extra)
    history(outcome, node)

    attempts, connections = prober.stop(), talk.stop()
    errors, lost = measure.errors(attempts), [c["lost"] for c in connections if c["lost"]]
    outcome.check(
        bool(attempts) and not errors and not lost,
        f"errors in {len(attempts)} new connections: {errors or 'none'}; "
        f"lost of {len(connections)} established ones: {lost or 'none'}",
    )
    outcome.figure(connections=len(attempts))


def does(outcome: Outcome, result: subprocess.CompletedProcess, what: str) -> None:
    said = (result.stdout + result.stderr).strip()
    outcome.check(result.returncode == 0, f"{what}: {said.splitlines()[-1] if said else 'done'}")


def refuses(
    outcome: Outcome, node: Appliance, what: str, *words: str, says: str, editor: str = "false"
) -> None:
    """Exit status 1, a message that helps, and nothing changed: no file, and not what runs."""
    before, runs = files_of(node), node.digest()
    result = node.config(*words, editor=editor)
    outcome.check(
        result.returncode == 1 and says in result.stdout + result.stderr,
        f"{what} is refused: {(result.stderr.strip() or result.stdout.strip()).splitlines()[0]}",
    )
    outcome.check(
        files_of(node) == before and node.digest() == runs,
        "no file and nothing that runs is changed",
    )


def files_of(node: Appliance) -> dict[str, str]:
    assert node.config_folder
    return {path.name: path.read_text() for path in node.config_folder.glob("*.cfg*")}


def sed(expression: str) -> str:
    return f"sed -i -e '{expression}'"


def weight_of(node: Appliance) -> float:
    return node.servers("web").get("web3", {}).get("share", 0)


def good_edits(outcome: Outcome, node: Appliance) -> None:
    outcome.step("the configuration is checked, applied and remembered")
    does(outcome, node.config("apply", "-m", "as delivered"), "apply")
    outcome.step("an edit by $EDITOR: web3 gets twice the weight")
    plan = node.config(
        "edit", "10-site", "--yes", "-m", "web3 is stronger",
        editor=sed("s/\\(server web3 .*\\)/\\1 weight 2/"),
    )  # fmt: skip
    does(outcome, plan, "edit")
    outcome.check(
        "server web/web3: weight 1 -> 2" in plan.stdout,
        "the plan named the server and what changes of it",
    )
    node.wait_server("web", "web3", "UP", 4)
    wait_until("web3 has half of the share", lambda: weight_of(node) > 0.45, 4)


def bad_edits(outcome: Outcome, node: Appliance) -> None:
    outcome.step("mistakes")
    refuses(
        outcome, node, "a bad edit", "edit", "10-site", "--yes",
        says="10-site.cfg:", editor=sed("s/balance roundrobin/balance sideways/"),
    )  # fmt: skip
    refuses(outcome, node, "an unknown section", "edit", "nowhere", says="there is no section")
    refuses(outcome, node, "an unknown revision", "rollback", "abc", "--yes", says="no revision")
    refuses(
        outcome, node, "an edit that nobody can be asked about", "edit", "20-extra",
        says="--yes", editor=sed("s/8081/8082/"),
    )  # fmt: skip
    refuses(
        outcome, node, "what only a restart could do", "edit", "10-site", "--yes",
        says="workers", editor=sed("s/workers 1/workers 2/"),
    )  # fmt: skip
    outcome.step("two administrators edit the same file")
    extra = node.config_file.with_name("20-extra.cfg")
    editor = node.dir / "editor"
    editor.write_text(f'#!/bin/sh\necho "# mine" >>"$1"\necho "# theirs" >>{extra}\n')
    editor.chmod(0o755)
    second = node.config("edit", "20-extra", "--yes", editor=str(editor))
    outcome.check(
        second.returncode == 1
        and "changed by somebody else" in second.stderr
        and extra.read_text() == EXTRA + "# theirs\n",
        "the second one is told, and overwrites nothing",
    )
    extra.write_text(EXTRA)


def trials(outcome: Outcome, node: Appliance) -> None:
    outcome.step(f"a change on trial for {TRIAL_S} s, by a shell that is killed at once")
    digest, files = node.digest(), files_of(node)
    shell = subprocess.Popen(
        ["sh", "-c", f"EDITOR='sed -i /web3/d' {node.config_line('edit', '10-site', '--yes')} "
         f"--confirm {TRIAL_S}s; sleep 60"],
        start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until("web3 is gone", lambda: set(node.servers("web")) == {"web1", "web2"}, 10)
    os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()
    wait_until("web3 is back", lambda: "web3" in node.servers("web"), TRIAL_S + 10)
    changed = files_of(node)
    kept = changed.pop("10-site.cfg.unconfirmed", "")
    outcome.check(
        node.digest() == digest and changed == files and "web3" not in kept and "web2" in kept,
        "it is rolled back by itself: files and what runs are as before, the try is kept aside",
    )
    outcome.step("the same by a daemon that is killed meanwhile, then confirmed")
    does(outcome, node.config("edit", "10-site", "--yes", "--confirm", "30s", "-m", "stay",
                              editor="sed -i /web3/d"), "edit --confirm")  # fmt: skip
    node.kill("carpoold")
    node.start()
    wait_until(
        "a fresh carpoold says that it is on trial",
        lambda: any("on trial" in text for text in (node.status() or {}).get("problems", [])),
        20,
    )
    does(outcome, node.config("confirm"), "confirm")
    refuses(outcome, node, "a second confirmation", "confirm", says="no configuration is on trial")


def switching(outcome: Outcome, node: Appliance, extra: Path) -> None:
    outcome.step("a section is switched off and on, and an older revision comes back")
    does(outcome, node.config("disable", "extra", "--yes"), "disable")
    outcome.check(
        not extra.exists() and not node.servers("extra") and bool(node.servers("web")),
        "its file is renamed, and its service is gone",
    )
    does(outcome, node.config("enable", "20-extra", "--yes"), "enable")
    outcome.check(extra.exists() and bool(node.servers("extra")), "it is there again")
    copy = node.dir / "copy"
    does(outcome, node.config("backup", str(copy)), "backup")
    does(outcome, node.config("rollback", "HEAD~3", "--yes"), "rollback")
    outcome.check("web3" in node.servers("web"), "web3 is back with an older revision")
    does(outcome, node.config("restore", str(copy), "--yes"), "restore")
    outcome.check("web3" not in node.servers("web"), "and gone again with the copy")


def history(outcome: Outcome, node: Appliance) -> None:
    outcome.step("git tells what happened")
    assert node.config_folder
    git = ["git", "-C", str(node.config_folder / ".history")]
    log = run_command([*git, "log", "--format=%an|%s"]).stdout.splitlines()
    messages = [line.partition("|")[2] for line in log]
    outcome.check(
        messages[-2:] == ["web3 is stronger", "as delivered"]
        and "stay" in messages
        and "switch off extra" in messages
        and all(line.partition("|")[0] for line in log),
        f"who did what: {', '.join(messages)}",
    )
    outcome.check(
        run_command([*git, "show", "HEAD:20-extra.cfg"]).stdout == EXTRA
        and len(node.config("history").stdout.splitlines()) == len(log),
        "and with which text",
    )
    outcome.figure(revisions=len(log))


SCENARIO = Scenario(
    "config-operations",
    "edits, mistakes, trials and rollbacks under load, with a history that git reads",
    run,
)
