"""``ospool-ep update``: pull the image beside the running pilot; the service then acts as OSPOOL_EP_UPDATE says."""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ospool_ep import exit_codes
from ospool_ep.commands.service_reports import current_report, main_pilot, opens
from ospool_ep.configuration.findings import has_errors
from ospool_ep.configuration.image_reference import parse
from ospool_ep.configuration.policy import policy
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.engine import chosen
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.choice import Choice, Undecided
from ospool_ep.engine.interface import Engine, EngineError
from ospool_ep.lifecycle.state import Stage, Want
from ospool_ep.system.host_failures import why
from ospool_ep.system.image_store import NOT_NOTED, ImageStore
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.system.systemd import notify, started_us

_BAR_WIDTH = 30
_FLUSH_SECONDS = 120

_WHAT_HAPPENS = {
    UpdatePolicy.DRAIN: "the next pilot uses it, and takes over from the running one",
    UpdatePolicy.RETIRE: "the next pilot uses it, when it takes over from the running one for its age",
    UpdatePolicy.NOW: "the running pilot is stopped, its jobs are evicted, and the next one uses it",
    UpdatePolicy.OFF: "the running pilot keeps its own, and the next one uses it",
}


_OUTDATED = (
    "the next pilot uses it, and takes over from the running one, which lacks what the configuration says by now, as"
    " soon as this host is ready for it"
)


@dataclass(frozen=True)
class Result:
    """What an update did, or would do. The digests are the registry's; empty where there is no image."""

    before: str
    after: str
    text: str
    checked_only: bool = False


def run(options: argparse.Namespace) -> int:
    """Pull, or only look, and report. 0: done, new or not; 1: the registry or engine failed; 78: mend it first."""
    configuration, findings = read_configuration(options.config)
    if has_errors(findings):
        print(f"ospool-ep update: {options.config} has errors. Show them: ospool-ep check", file=sys.stderr)
        return exit_codes.CONFIG
    image, rule = configuration.image, policy(configuration).update
    if options.scheduled and rule is UpdatePolicy.OFF:
        return _tell(options, image, rule, Result("", "", "Nothing is pulled: OSPOOL_EP_UPDATE=off."))
    choice = chosen.chosen_engine(configuration.engine)
    if choice.address is None and choice.undecided is not Undecided.NOT_KNOWN:
        print("ospool-ep update: There is no engine to ask. Show why: ospool-ep check", file=sys.stderr)
        return exit_codes.CONFIG
    if choice.address and choice.to_start and options.scheduled:
        # An engine that no pilot runs in is not started for what a pilot may need some day.
        text = f"Nothing is pulled: {choice.address.name} does not run. A service that starts it pulls then."
        return _tell(options, image, rule, Result("", "", text))
    try:
        engine, store = _engine(choice, to_start=not options.check)
        result = _outcome(engine, store, image, check_only=options.check)
    except EngineError as error:
        print(f"ospool-ep update: {error}", file=sys.stderr)
        return exit_codes.FAILED
    return _tell(options, image, rule, result)


def _tell(options: argparse.Namespace, image: str, rule: UpdatePolicy, result: Result) -> int:
    told = {"image": image, "policy": rule.value, **vars(result), "changed": result.before != result.after}
    print(json.dumps(told) if options.json else result.text)
    return exit_codes.OK


def _engine(choice: Choice, *, to_start: bool) -> tuple[Engine, ImageStore]:
    """The engine that the service uses, or would, and what is known of its images.

    ``to_start``: started where it does not run, as there is work.
    """
    if choice.address is None:
        raise EngineError("systemd does not say which engine runs. Try again; if it stays so: systemctl status")
    if choice.to_start and not to_start:
        raise EngineError(f"{choice.address.name} does not run, and a look does not start it. {choice.address.start}")
    chosen.started(choice)
    return DockerEngine(choice.address.url), ImageStore(choice.address.socket)


def _outcome(engine: Engine, store: ImageStore, image: str, *, check_only: bool) -> Result:
    before = _digest(engine, image)
    if parse(image).pinned and before:
        return Result(before, before, f"{image} is pinned, and here: it is never replaced.")
    if check_only:
        after = engine.registry_digest(image)
        then = _what_follows(image, after)
        news = f"{image} is new in the registry ({after}). After 'ospool-ep update':"
    else:
        with _in_turn(store):
            before = _digest(engine, image)
            _pull(engine, image)
            _flush(engine.info().data_root)
            _note(store, image)
        after = _digest(engine, image)
        # What it will do; once it has been told, it may have begun.
        then = _what_follows(image, after)
        RunDirectory().nudge()
        news = f"{image} is new here ({after}):"
    if before == after:
        return Result(before, after, f"{image} is up to date ({after}).", checked_only=check_only)
    return Result(before, after, f"{news} {then}.", checked_only=check_only)


def _what_follows(image: str, digest: str) -> str:
    """What the service does about that image, by what it goes by itself: the file may have changed since."""
    current = current_report(RunDirectory())
    if current is None:
        return "no service runs here; the next pilot uses it"
    if not current["image"]:
        return "the service does not say what it does about it; see 'ospool-ep status'"
    if current["image"] != image:
        then = "and uses this one when it has read the file again: systemctl reload ospool-ep"
        return f"the service goes by OSPOOL_EP_IMAGE={current['image']}, {then}"
    return _what_follows_for(current, digest)


def _what_follows_for(current: dict[str, Any], digest: str) -> str:
    failed, pilot = current["rolled_back"], main_pilot(current)
    if failed and failed["digest"] == digest:
        return "it was tried before and has failed, and is not used; see 'ospool-ep status'"
    starts = f", and starts {when}" if (when := opens(current)) else ""
    if pilot is None:
        return f"the next pilot uses it{starts}; none runs now"
    if pilot["image_digest"] == digest:
        which = "next pilot, which is about to take over," if pilot["stage"] == Stage.CLOSED.value else "running pilot"
        return f"the {which} was made from it"
    if pilot["stage"] == Stage.OPEN.value and current["wanted"] == Want.PILOTS.value:
        return _what_happens_beside(current, pilot)
    return f"the next pilot uses it{starts}, after the one that ends now"


def _what_happens_beside(current: dict[str, Any], pilot: dict[str, Any]) -> str:
    """What the service does about the pilot that runs, and was made from another image."""
    # A service of an earlier version, in the moment before its restart, does not say by which rule it goes.
    rule = UpdatePolicy(current.get("update", UpdatePolicy.OFF.value))
    # One that has to go anyhow makes room under every rule, once its successor can be made.
    then = _OUTDATED if pilot["outdated"] else _WHAT_HAPPENS[rule]
    if current["one_by_one"] and (pilot["outdated"] or rule is UpdatePolicy.DRAIN):
        then = f"the running pilot drains, and the next one uses it ({current['one_by_one']})"
    waits = pilot["silent"] and (pilot["outdated"] or rule in (UpdatePolicy.DRAIN, UpdatePolicy.NOW))
    return f"the running pilot does not answer, and nothing is done before it does; then {then}" if waits else then


@contextlib.contextmanager
def _in_turn(store: ImageStore) -> Iterator[None]:
    """One update at a time; where there is no room for the lock, it is the engine that two of them share."""
    with contextlib.ExitStack() as turn:
        try:
            turn.enter_context(store.updating("Another update is under way: waiting for its end."))
        except PermissionError:
            raise
        except OSError as error:
            print(f"ospool-ep update: Another update may run beside this one: {why(error)}", file=sys.stderr)
        yield


def _note(store: ImageStore, image: str) -> None:
    try:
        store.note_pull(image)
    except OSError as error:
        print(f"ospool-ep update: {NOT_NOTED}: {why(error)}", file=sys.stderr)


def _pull(engine: Engine, image: str) -> None:
    """Pull, and show how far it is: to a person as a bar, to systemd as the unit's status."""
    show, problem = _bar if sys.stderr.isatty() else _status if started_us() else None, ""
    for progress in engine.pull(image):
        problem = progress.problem
        if show:
            show(image, progress.percent)
    if show is _bar:
        print(file=sys.stderr)
    if problem:
        print(f"ospool-ep update: {problem}", file=sys.stderr)


def _flush(directory: str) -> None:
    """Have what was pulled written to the disk now.

    Otherwise the engine waits for that, in each of its many small writes, when the pilots are swapped: for more than a
    second after 400 MB.
    """
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(["/usr/bin/sync", "--file-system", directory], check=False, timeout=_FLUSH_SECONDS)


def _bar(image: str, percent: int) -> None:
    done = "#" * (_BAR_WIDTH * percent // 100)
    columns = shutil.get_terminal_size().columns
    print(f"\r{f'[{done:.<{_BAR_WIDTH}}] {percent:3d} %  {image}':.{columns}}", end="", file=sys.stderr, flush=True)


def _status(image: str, percent: int) -> None:
    notify(f"STATUS=Pulling {image}: {percent} %")


def _digest(engine: Engine, image: str) -> str:
    local = engine.image(image)
    return local.digest or local.id if local else ""
