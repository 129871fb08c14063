"""What the user types: tools/lab up, down, status, exec, run, list."""

import argparse
import os
import random
import signal
import sys
import traceback
from pathlib import Path

from .config import PORT_KINDS, LabConfig
from .lab import Lab
from .outcome import Outcome, ScenarioFailed
from .process import LabError, command_name, extend_search_path, say
from .scenarios.registry import SCENARIOS
from .topology import ALL_NAMESPACES, DRAWING

DESCRIPTION = f"""\
A laboratory in network namespaces: real programs, real packets, nothing touched outside.

{DRAWING}"""

EPILOG = """\
examples:
  tools/lab up                                bring it up and leave it up
  tools/lab exec client curl -s 192.0.2.10    a request through the appliances
  tools/lab exec sw tcpdump -ni lb1-wan       what goes in and out of lb1
  tools/lab run failover-kill                 a fresh one: kill the master, measure, take it down
  tools/lab down                              remove every trace of it"""


INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/lab",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument(
            "--name", default="lab", help="which lab, where several are up (default: lab)"
        )
        return sub

    up = command("up", "bring the lab up and leave it up")
    run = command("run", "run one scenario in a fresh lab; the last line is JSON")
    for sub in (up, run):
        sub.add_argument(
            "--port-kind",
            choices=PORT_KINDS,
            default=PORT_KINDS[0],
            help="how the appliances take packets from their interfaces (default: %(default)s)",
        )
    run.add_argument(
        "scenario", choices=list(SCENARIOS), metavar="SCENARIO", help="see 'tools/lab list'"
    )
    run.add_argument("--keep", action="store_true", help="leave the lab up afterwards")
    run.add_argument(
        "--long",
        action="store_true",
        help="more of everything: connections, rounds, time (where the scenario has more)",
    )
    run.add_argument("--seed", type=int, help="repeat the random choices of an earlier run")
    command("down", "remove every trace of the lab, also after a crash")
    command("status", "what runs in each host, and what the appliances say")
    execute = command("exec", "run a command in a host")
    execute.add_argument(
        "host", choices=ALL_NAMESPACES, metavar="HOST", help=", ".join(ALL_NAMESPACES)
    )
    execute.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="CMD", help="the command and its arguments"
    )
    listing = command("list", "the scenarios")
    listing.add_argument("--names", action="store_true", help="names only, one a line")
    return parser.parse_args(arguments)


def interrupt(*_) -> None:
    raise KeyboardInterrupt


def ignore_interrupts() -> None:
    """What cleans up is not to be stopped half-way by an impatient second Ctrl-C."""
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)


def catch_interrupts() -> None:
    for number in INTERRUPTS:
        signal.signal(number, interrupt)


def take_down(lab: Lab) -> None:
    ignore_interrupts()
    lab.down()


def command_up(lab: Lab, arguments: argparse.Namespace) -> int:
    with lab.lock():
        finished = False
        try:
            lab.up(LabConfig(port_kind=arguments.port_kind))
            finished = True
        except LabError:
            report_nodes(lab)
            raise
        finally:
            if not finished:
                take_down(lab)
    say("try: tools/lab exec client curl -s 192.0.2.10     and: tools/lab status")
    return 0


def command_down(lab: Lab, _arguments: argparse.Namespace) -> int:
    with lab.lock():
        take_down(lab)
    return 0


def command_status(lab: Lab, _arguments: argparse.Namespace) -> int:
    if not lab.is_up():
        say(f"lab {lab.name} is down")
        return 1
    for host in lab.network.existing():
        programs = sorted(filter(None, map(command_name, lab.network.processes(host))))
        say(f"{lab.network.namespace(host):24} {' '.join(programs) or '-'}")
    for node in lab.nodes:
        say(f"\n== carpool status on {node.name}\n{node.status_text()}")
    return 0


def command_exec(lab: Lab, arguments: argparse.Namespace) -> int:
    if not lab.is_up():
        raise LabError(f"lab '{lab.name}' is not up: tools/lab up")
    command = lab.network.command(
        arguments.host, arguments.words or [os.environ.get("SHELL", "/bin/sh")]
    )
    sys.stdout.flush()
    os.execvp(command[0], command)


def command_list(_lab: Lab, arguments: argparse.Namespace) -> int:
    for scenario in SCENARIOS.values():
        say(scenario.name if arguments.names else f"{scenario.name:16} {scenario.summary}")
    return 0


def command_run(lab: Lab, arguments: argparse.Namespace) -> int:
    scenario = SCENARIOS[arguments.scenario]
    outcome = Outcome(scenario.name)
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    with lab.lock():
        if lab.is_up():
            say(f"lab {lab.name} was up: taking it down first")
            lab.down()
        say(f"scenario {scenario.name}, seed {seed}: {scenario.summary}")
        try:
            config = LabConfig(port_kind=arguments.port_kind, long=arguments.long)
            run_scenario(lab, scenario, outcome, config, seed)
        except KeyboardInterrupt:
            outcome.fail("interrupted")
        finally:
            ignore_interrupts()
            if not outcome.ok:
                report_nodes(lab)
            if arguments.keep:
                lab.clients.end()
                say(f"lab {lab.name} stays up; remove it with: tools/lab down --name {lab.name}")
            else:
                take_down(lab)
    say(outcome.json_line())
    return 0 if outcome.ok else 1


def run_scenario(lab: Lab, scenario, outcome: Outcome, config: LabConfig, seed: int) -> None:
    """Runs it to whatever end; what went wrong stands in the outcome."""
    outcome.figure(seed=seed, port_kind=config.port_kind)
    try:
        scenario.run(lab, outcome, config, random.Random(seed))
    except ScenarioFailed:
        pass
    except LabError as error:
        say(f"   WRONG: {error}")
        outcome.fail(str(error))
    except Exception as error:  # a bug of the scenario must still clean up and count as a failure
        traceback.print_exc(file=sys.stdout)
        outcome.fail(f"{type(error).__name__}: {error}")


def report_nodes(lab: Lab) -> None:
    for node in lab.nodes:
        if node.dir.exists():
            say(f"\n== {node.name}: end of {node.log}\n{node.log_tail()}")
            say(f"== {node.name}: carpool status\n{node.status_text()}\n")
    for witness in lab.witnesses:
        say(f"== {witness.name}: end of {witness.log}\n{witness.log_tail()}\n")


COMMANDS = {
    "up": command_up,
    "down": command_down,
    "status": command_status,
    "exec": command_exec,
    "list": command_list,
    "run": command_run,
}


def main() -> int:
    arguments = parse_arguments(sys.argv[1:])
    catch_interrupts()
    extend_search_path()
    try:
        return COMMANDS[arguments.command](Lab(arguments.name), arguments)
    except LabError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{Path(sys.argv[0]).name}: interrupted", file=sys.stderr)
        return 130
