"""The command line: ``ospool-ep COMMAND``. Each command imports only what it needs, so that all are quick."""

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional

from ospool_ep import __version__, exit_codes

if TYPE_CHECKING:
    import argparse

# The words of ``states.Want`` for what follows a drain.
AFTER_A_DRAIN = ("idle", "start", "stop")
CONFIG_PATH = "/etc/osg/ospool-ep.cfg"


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run a command; returns the exit code. Wrong usage ends with 2 (argparse)."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    # How systemd starts the service: a start need not wait for a parser that has nothing to do.
    options = None if words == ["run"] else _parser().parse_args(words)
    command = options.command if options else "run"
    try:
        return _COMMANDS[command](options) if options else _serve(CONFIG_PATH)
    except PermissionError as error:
        print(f"ospool-ep {command}: {error.filename}: permission denied. Run it as root.", file=sys.stderr)
        return exit_codes.NOT_ROOT
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        return exit_codes.FAILED
    except OSError as error:
        print(f"ospool-ep {command}: {error.filename or 'this host'}: {error.strerror}.", file=sys.stderr)
        return exit_codes.FAILED
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED


def _parser() -> "argparse.ArgumentParser":
    import argparse  # noqa: PLC0415

    parser = argparse.ArgumentParser(
        prog="ospool-ep",
        description="Lend this host to the Open Science Pool.",
        epilog="Manual pages: ospool-ep(8), ospool-ep.cfg(5). The log: journalctl -u ospool-ep",
    )
    parser.add_argument("--version", action="version", version=f"ospool-ep {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    config = argparse.ArgumentParser(add_help=False)
    config.add_argument("--config", metavar="FILE", default=CONFIG_PATH, help=f"default: {CONFIG_PATH}")
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="for programs")

    commands.add_parser("check", parents=[config, as_json], help="find all that keeps the pilot from getting jobs")
    commands.add_parser("config", parents=[config, as_json], help="show what the configuration says and where it goes")
    render = commands.add_parser("render", parents=[config], help="show what would be run")
    render.add_argument("form", choices=["docker"], help="docker: a 'docker run' line that makes the same container")
    commands.add_parser("status", parents=[as_json], help="show how this host does: the pilot, the pool, the jobs")
    _add_drain(commands)
    commands.add_parser("resume", help="take a drain back and run pilots again")
    reload = commands.add_parser("reload", help="have the running service read its configuration again")
    reload.add_argument("--quiet", action="store_true", help="do not print what the service tells the journal, too")
    update = commands.add_parser("update", parents=[config, as_json], help="pull the image beside the running pilot")
    update.add_argument("--check", action="store_true", help="only say what would happen; nothing is pulled")
    update.add_argument("--scheduled", action="store_true", help="do nothing with OSPOOL_EP_UPDATE=off; for the timer")
    run = commands.add_parser("run", parents=[config], help="run the service; systemd does this")
    run.add_argument("--after-crash", action="store_true", help="only carry out a stop, if one comes within a second")
    return parser


def _add_drain(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    drain = commands.add_parser("drain", help="take no new jobs, and wait until the running ones have finished")
    drain.add_argument("--then", choices=AFTER_A_DRAIN, default=AFTER_A_DRAIN[0],
                       help="idle: no pilot runs (default); start: the next one; stop: the service ends")  # fmt: skip
    waiting = drain.add_mutually_exclusive_group()
    waiting.add_argument("--wait", action="store_true", default=True, help="return when that is reached (default)")
    waiting.add_argument("--no-wait", dest="wait", action="store_false", help="return at once")
    drain.add_argument("--timeout", metavar="TIME", type=_seconds,
                       help="wait no longer than this: seconds, or 10m, 2h, 1d; the drain goes on")  # fmt: skip


def _seconds(text: str) -> float:
    import argparse  # noqa: PLC0415
    import re  # noqa: PLC0415

    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write seconds, or 10m, 2h, 1d")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def _check(options: "argparse.Namespace") -> int:
    from ospool_ep.apart import NoResult  # noqa: PLC0415
    from ospool_ep.check import run_checks  # noqa: PLC0415

    try:
        result = run_checks(options.config)
    except NoResult as failure:
        print(f"ospool-ep check: {failure}", file=sys.stderr)
        return exit_codes.FAILED
    print(result.as_json() if options.json else result.as_text())
    return exit_codes.OK if result.ok else exit_codes.CONFIG


def _config(options: "argparse.Namespace") -> int:
    from ospool_ep import config_report  # noqa: PLC0415
    from ospool_ep.configuration import could_be_read, read_configuration  # noqa: PLC0415

    configuration, findings = read_configuration(options.config)
    write = config_report.as_json if options.json else config_report.as_text
    print(write(configuration, findings))
    return exit_codes.OK if could_be_read(findings) else exit_codes.CONFIG


def _render(options: "argparse.Namespace") -> int:
    from ospool_ep import pilot_container  # noqa: PLC0415
    from ospool_ep.configuration import read_configuration  # noqa: PLC0415
    from ospool_ep.docker_command import render  # noqa: PLC0415
    from ospool_ep.findings import has_errors  # noqa: PLC0415
    from ospool_ep.survey import token_path  # noqa: PLC0415

    configuration, findings = read_configuration(options.config)
    for finding in findings:
        print(finding.as_text(options.config), file=sys.stderr)
    if has_errors(findings):
        return exit_codes.CONFIG
    print(render(pilot_container.build(configuration, token_path(configuration))))
    return exit_codes.OK


def _status(options: "argparse.Namespace") -> int:
    from ospool_ep.control import show_status  # noqa: PLC0415
    from ospool_ep.run_directory import RunDirectory  # noqa: PLC0415

    return show_status(RunDirectory(), options.json)


def _drain(options: "argparse.Namespace") -> int:
    from ospool_ep.control import drain  # noqa: PLC0415
    from ospool_ep.run_directory import RunDirectory  # noqa: PLC0415
    from ospool_ep.states import Want  # noqa: PLC0415

    return drain(RunDirectory(), Want(options.then), wait=options.wait, timeout_seconds=options.timeout)


def _resume(_options: "argparse.Namespace") -> int:
    from ospool_ep.control import resume  # noqa: PLC0415
    from ospool_ep.run_directory import RunDirectory  # noqa: PLC0415

    return resume(RunDirectory())


def _reload(options: "argparse.Namespace") -> int:
    from ospool_ep.control import reload  # noqa: PLC0415
    from ospool_ep.run_directory import RunDirectory  # noqa: PLC0415

    return reload(RunDirectory(), quiet=options.quiet)


def _update(options: "argparse.Namespace") -> int:
    from ospool_ep.update import update  # noqa: PLC0415

    return update(options.config, as_json=options.json, check_only=options.check, scheduled=options.scheduled)


def _run(options: "argparse.Namespace") -> int:
    if options.after_crash:
        from ospool_ep.systemd_manager import stop_comes  # noqa: PLC0415

        # Who makes room does so for a restart, as a rule, which should not take longer for that.
        made_room = os.environ.get("EXIT_STATUS") == str(exit_codes.LEFT)
        if not stop_comes(seconds=0.2 if made_room else 1.0):
            return exit_codes.OK
    return _serve(options.config, only_stop=options.after_crash)


def _serve(config_path: str, *, only_stop: bool = False) -> int:
    from ospool_ep.apart import Call, NoResult  # noqa: PLC0415

    try:
        # Begun before all that the service consists of is loaded: two processes are quicker than one.
        reading = Call("survey:read", config_path, fork=True)
    except NoResult as failure:
        print(f"ospool-ep run: {failure}", file=sys.stderr)
        return exit_codes.FAILED
    from ospool_ep.daemon import run  # noqa: PLC0415

    # What is loaded by now stays for good.
    gc.freeze()
    gc.enable()
    code = run(config_path, reading, only_stop=only_stop)
    sys.stderr.flush()
    # Whoever stops the service waits for its end: what Python would do before that is of no use to anybody.
    os._exit(code)


_COMMANDS = {
    "check": _check,
    "config": _config,
    "render": _render,
    "status": _status,
    "drain": _drain,
    "resume": _resume,
    "reload": _reload,
    "update": _update,
    "run": _run,
}
