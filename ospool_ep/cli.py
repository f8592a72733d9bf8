"""The command line: ``ospool-ep COMMAND``. Each is a module of ``commands``, loaded alone; so is each for ``--all``."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Optional, Union

from ospool_ep import __version__, exit_codes, this_service
from ospool_ep.system.host_failures import is_no_process, no_process, why

# The words of ``lifecycle.state.Want`` for what follows a drain.
AFTER_A_DRAIN = ("idle", "start", "stop", "reboot", "poweroff")
CONFIG_PATH = "/etc/osg/ospool-ep.cfg"


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run a command; returns the exit code. Wrong usage ends with 2 (argparse)."""
    options = parser().parse_args(arguments)
    this_service.become(options.instance or "")
    try:
        code = _run(options)
        # Here, where it can be told that it fails.
        sys.stdout.flush()
    except PermissionError as error:
        print(f"ospool-ep {options.command}: {error.filename}: permission denied. Run it as root.", file=sys.stderr)
        return exit_codes.NOT_ROOT
    except BrokenPipeError:
        # The program that read our output has seen enough.
        sys.stderr.close()
        return exit_codes.FAILED
    except OSError as error:
        print(f"ospool-ep {options.command}: {why(error)}", file=sys.stderr)
        _let_go_of_output()
        return exit_codes.FAILED
    except RuntimeError as error:
        if not is_no_process(error):
            raise
        print(f"ospool-ep {options.command}: {no_process()}", file=sys.stderr)
        return exit_codes.FAILED
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    return code


def _run(options: argparse.Namespace) -> int:
    # Whether a service can run without a file of its own is for the service to say.
    if options.instance and options.command != "run" and (unknown := _unknown(options)):
        print(f"ospool-ep {options.command}: {unknown}", file=sys.stderr)
        return exit_codes.USAGE
    return int(importlib.import_module(f"ospool_ep.commands.{options.command}{_for_all(options)}").run(options))


def _for_all(options: argparse.Namespace) -> str:
    """How the name of the module ends. The timer has one update for all services."""
    is_timer = options.command == "update" and options.scheduled and not options.instance
    return "_of_all" if getattr(options, "all", False) or is_timer else ""


def _unknown(options: argparse.Namespace) -> str:
    from ospool_ep.system import services  # noqa: PLC0415 - as a rule there is one service

    return services.unknown(this_service.this_service(), getattr(options, "config", CONFIG_PATH))


def _let_go_of_output() -> None:
    """What could not be written is not tried again at the end, which would give an exit code of Python's own, 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    made = argparse.ArgumentParser(
        prog="ospool-ep",
        description="Lend this host to the Open Science Pool.",
        epilog="Manual pages: ospool-ep(8), ospool-ep.cfg(5). The log: journalctl -u ospool-ep",
    )
    made.add_argument("--version", action="version", version=f"ospool-ep {__version__}")
    subparsers = made.add_subparsers(dest="command", metavar="COMMAND", required=True)

    which = argparse.ArgumentParser(add_help=False)
    _add_instance(which)
    each = argparse.ArgumentParser(add_help=False)
    one_or_all = each.add_mutually_exclusive_group()
    _add_instance(one_or_all)
    one_or_all.add_argument("--all", action="store_true", help="all services of this host")
    file = argparse.ArgumentParser(add_help=False)
    file.add_argument("--config", metavar="FILE", default=CONFIG_PATH, help=f"default: {CONFIG_PATH}")
    config = argparse.ArgumentParser(add_help=False, parents=[which, file])
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="for programs")

    subparsers.add_parser(
        "check", parents=[each, file, as_json], help="find all that keeps the pilot from getting jobs"
    )
    subparsers.add_parser(
        "config", parents=[config, as_json], help="show what the configuration says and where it goes"
    )
    render = subparsers.add_parser("render", parents=[config], help="show what would be run")
    render.add_argument("form", choices=["docker"], help="docker: the engine's 'run' line for the same container")
    subparsers.add_parser(
        "status", parents=[each, as_json], help="show how this host does: its pilots, the pool, the jobs"
    )
    _add_drain(subparsers, each)
    subparsers.add_parser("resume", parents=[each], help="take a drain back and run pilots again")
    reload = subparsers.add_parser(
        "reload", parents=[each], help="have the running service read its configuration again"
    )
    reload.add_argument("--quiet", action="store_true", help="do not print what the service tells the journal, too")
    update = subparsers.add_parser(
        "update", parents=[each, file, as_json], help="pull the image beside the running pilot"
    )
    update.add_argument("--check", action="store_true", help="only say what would happen; nothing is pulled")
    update.add_argument("--scheduled", action="store_true", help="do nothing with OSPOOL_EP_UPDATE=off; for the timer")
    run = subparsers.add_parser("run", parents=[file], help="run the service; systemd does this")
    # The unit's own: one that is none is told in the journal, in one line.
    run.add_argument("--instance", metavar="NAME", help="the service ospool-ep@NAME in place of ospool-ep")
    run.add_argument("--after-crash", action="store_true", help="only carry out a stop, if one comes within a second")
    return made


def _add_instance(options: "Union[argparse.ArgumentParser, argparse._MutuallyExclusiveGroup]") -> None:
    options.add_argument("--instance", metavar="NAME", type=_instance,
                         help="the service ospool-ep@NAME in place of ospool-ep")  # fmt: skip


def _instance(text: str) -> str:
    if not this_service.is_instance(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a service: letters, digits, _ . and -, up to 40")
    return text


def _add_drain(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", each: argparse.ArgumentParser
) -> None:
    drain = subparsers.add_parser(
        "drain", parents=[each], help="take no new jobs, and wait until the running ones have finished"
    )
    drain.add_argument("--then", choices=AFTER_A_DRAIN, default=AFTER_A_DRAIN[0],
                       help="idle: no pilot runs (default); start: the next one; stop: the service ends;"
                            " reboot, poweroff: all services of this host drain, then it goes down")  # fmt: skip
    waiting = drain.add_mutually_exclusive_group()
    waiting.add_argument("--wait", action="store_true", default=True, help="return when that is reached (default)")
    waiting.add_argument("--no-wait", dest="wait", action="store_false", help="return at once")
    drain.add_argument("--timeout", metavar="TIME",
                       help="wait no longer than this: seconds, or 10m, 2h, 1d; the drain goes on")  # fmt: skip
