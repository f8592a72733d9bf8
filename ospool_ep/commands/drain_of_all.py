"""``ospool-ep drain --all``: ask all services of this host for a drain, then wait until each has come to its end."""

import argparse
import sys
import time
from collections.abc import Iterable

from ospool_ep import exit_codes
from ospool_ep.commands.drain import Waiting, begun, timeout_of
from ospool_ep.commands.each_service import acting_for, those_that_run
from ospool_ep.commands.service_reports import POLL_SECONDS, heeded, not_running
from ospool_ep.lifecycle.state import Want
from ospool_ep.system.host_failures import why
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import ServiceName

_WATCH = "ospool-ep status --all"


def run(options: argparse.Namespace) -> int:
    """The highest of the exit codes that a drain of each has. A line about one begins with its name."""
    timeout = timeout_of(options)
    if timeout is None:
        return exit_codes.USAGE
    then = Want(options.then)
    if then.takes_host_down:
        from ospool_ep.commands import drain_of_host  # noqa: PLC0415 - of all services as it is

        return drain_of_host.drain(then, None, wait=options.wait, timeout_seconds=timeout)
    services = those_that_run()
    if not services:
        print(f"Nothing to drain. {not_running()}", file=sys.stderr)
        return exit_codes.NOT_RUNNING
    drains, codes = _asked(services, then)
    try:
        for service, drain in drains.items():
            with acting_for(service):
                print(f"{drain.mark}{begun(heeded(drain.run_directory))}", flush=True)
        if not options.wait:
            print(f"Watch them: {_WATCH}")
            return max(codes, default=exit_codes.OK)
        print("Ctrl-C ends the waiting, not the drains.", flush=True)
        return max([*codes, *_ends(drains, time.monotonic() + timeout)])
    except KeyboardInterrupt:
        text = f"The drains go on. Watch them: {_WATCH}. Take them back: ospool-ep resume --all"
        print(f"\n{text}", file=sys.stderr)
        return exit_codes.INTERRUPTED


def _asked(services: Iterable[ServiceName], then: Want) -> tuple[dict[ServiceName, Waiting], list[int]]:
    """The drains that were asked for, and an exit code for each service that can't be asked: the others are."""
    drains, codes = dict[ServiceName, Waiting](), list[int]()
    for service in services:
        try:
            with acting_for(service):
                drains[service] = Waiting.for_drain(RunDirectory(), then, f"{service.name}: ")
        except PermissionError:
            raise
        except FileNotFoundError:
            with acting_for(service):
                print(f"{service.name}: The service has ended meanwhile. {not_running()}", file=sys.stderr)
            codes.append(exit_codes.NOT_RUNNING)
        except OSError as error:
            print(f"{service.name}: The drain could not be asked for: {why(error)}", file=sys.stderr)
            codes.append(exit_codes.FAILED)
    return drains, codes


def _ends(drains: dict[ServiceName, Waiting], deadline: float) -> list[int]:
    """The exit code of each drain, once all are over or the time is up."""
    codes, left = list[int](), dict(drains)
    while True:
        for service, drain in list(left.items()):
            with acting_for(service):
                code = drain.look()
            if code is not None:
                codes.append(code)
                del left[service]
        if not left:
            return codes
        if time.monotonic() >= deadline:
            names = ", ".join(service.name for service in left)
            print(f"The time is up; the drain of {names} goes on. Watch: {_WATCH}", file=sys.stderr)
            return [*codes, exit_codes.TIME_UP]
        time.sleep(POLL_SECONDS)
