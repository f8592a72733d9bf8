"""Takes this host down where an operator wants that, once no service of it has a pilot any more."""

from ospool_ep.container.specification import FINGERPRINT_LABEL, made_by
from ospool_ep.engine.interface import Engine, EngineError
from ospool_ep.lifecycle.events import Event, HostGoesDown, HostStaysUp
from ospool_ep.lifecycle.state import Phase, Want
from ospool_ep.system import host_power
from ospool_ep.system.host_failures import why
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.system.services_here import directory_of, has_process, others_here
from ospool_ep.this_service import ServiceName, this_service
from ospool_ep.wording import sentence


def take_down(engine: Engine, run_directory: RunDirectory, want: Want) -> Event:
    """Give the order, unless something stands against it."""
    waits = _reason(engine, want)
    # What an operator wants now, and not when this began.
    if not want.takes_host_down or (not waits and run_directory.want is not want):
        waits = "Something else was asked for meanwhile."
    if waits:
        return HostStaysUp(waits)
    try:
        problem = host_power.order(want.value)
    except OSError as error:
        problem = f"The order can't be given: {why(error)}"
    return HostStaysUp(problem, refused=True) if problem else HostGoesDown()


def _reason(engine: Engine, want: Want) -> str:
    """For which other services it waits, in sentences; empty: for none."""
    others = others_here()
    reasons = [reason for name in others if (reason := _waits_for(name, want))]
    known = {name.name for name in (*others, this_service())}
    try:
        left = {made_by(container.labels) for container in engine.labelled(FINGERPRINT_LABEL)} - known
    except EngineError as error:
        mend = f"To go down all the same: systemctl {want.value}."
        return " ".join(
            [*reasons, f"The container engine does not say which pilots run: {sentence(str(error))} {mend}"]
        )
    reasons += [
        f"A pilot of {service} runs, and that service does not: systemctl start {service}, and drain it."
        for service in sorted(left)
    ]
    return " ".join(reasons)


def _waits_for(name: ServiceName, want: Want) -> str:
    directory = directory_of(name)
    if not has_process(name):
        return f"{name.name} is being restarted, or waits for its configuration: systemctl status {name.name}."
    asked = directory.want
    if asked is not want:
        told = f"is to {asked.value}" if asked.takes_host_down else "was not asked to let this host go down"
        return f"{name.name} {told}: ospool-ep drain --then {want.value} asks all services of this host."
    try:
        report = directory.read_status() or {}
    except (OSError, ValueError):
        report = {}
    if report.get("phase") == Phase.IDLE.value and report.get("wanted") == want.value and not report.get("pilots"):
        return ""
    return f"{name.name} is not drained yet; how far it is: {name.command('status')}."
