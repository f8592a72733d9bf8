"""The scratch directories of this service's pilots: each has one of its own, which goes once its pilot has ended.

Helper processes make and remove them. A removal goes on beside everything else, and one that fails is tried again at
the next sweep. Which are in use is known from the containers: nothing is kept from one process of the service to the
next.
"""

import math
import os
import shlex
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from ospool_ep.checks.scratch_names import IN_USE, Removed, is_one
from ospool_ep.container.specification import SCRATCH_TARGET, ContainerSpec, made_by
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.system.helper_process import HelperProcess
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.wording import printable

# From the directory to a container that has it: more than an engine may take.
_LAUNCH_SECONDS = 15 * 60.0

Say = Callable[[Priority, str], None]


@dataclass
class _Given:
    """When a directory was given to the next pilot, and when a container was first seen that has it."""

    at: float
    seen: float = math.inf

    def may_be_had(self, asked: float) -> bool:
        """Whether its container may be there, though the engine told of none when it was asked then."""
        return self.at >= asked - _LAUNCH_SECONDS and self.seen > asked


@dataclass(frozen=True)
class _Asked:
    """What containers had from this host when the engine was asked for that, and where directories of pilots may be."""

    used: Sequence[str]
    at: float
    places: Sequence[str]


class Scratch:
    """Gives each pilot its directory, and removes those of pilots that have ended."""

    def __init__(self, spec: Callable[[], ContainerSpec], say: Say) -> None:
        """``spec``: the container that the configuration asks for now, with WORKER_TEMP_DIR; ``say``: the journal's."""
        self._spec = spec
        self._say = say
        self._given: dict[str, _Given] = {}
        # Where directories were; the configuration may name another place by now.
        self._places: set[str] = set()
        self._said: set[str] = set()
        self._threads: list[threading.Thread] = []
        # The sweep that comes next; and whether a thread is at it.
        self._asked: Optional[_Asked] = None
        self._sweeps = False
        self._turn = threading.Lock()
        # No sweep finds a directory of which nobody has heard yet whose it is.
        self._making = threading.Lock()
        # The disk is no faster for two.
        self._removing = threading.Lock()

    def for_next(self, *, beside: bool = False) -> str:
        """Make a directory for the next pilot; gives its path, empty where WORKER_TEMP_DIR is not set.

        It is WORKER_TEMP_DIR itself where the engine could reach no directory in it (``checks.scratch_directories``);
        never ``beside`` another pilot, which may have that, too. Takes 45 s at most. HelperFailed.
        """
        place = self._place()
        if not place:
            return ""
        with self._making:
            path = HelperProcess("service.scratch_calls:make", place, self._instance()).value(str)
            if beside and path == place:
                raise HelperFailed(f"The server of {place} keeps root out of it, so a pilot needs all of it.")
            self._given[os.path.normpath(path)] = _Given(time.monotonic())
        return path

    def gone(self, path: str) -> None:
        """The pilot that had that directory has ended, or was never made: it is removed beside all else.

        What is no pilot's own is left alone, as WORKER_TEMP_DIR itself is.
        """
        self._given.pop(os.path.normpath(path), None)
        place, name = os.path.split(path)
        if is_one(name):
            self._beside(lambda: self._remove(place, [name], top=False))

    def sweep(self, sources: Iterable[str]) -> None:
        """Remove, beside all else, what pilots have left that ended while nobody saw it.

        ``sources`` are all the directories that containers have from this host, of pilots that run or have run: the
        engine has just told them, and so it answers. What earlier releases left goes once none has WORKER_TEMP_DIR.
        """
        used, now = tuple(map(os.path.normpath, sources)), time.monotonic()
        for path, given in dict(self._given).items():
            if path in used:
                given.seen = min(given.seen, now)
            elif not given.may_be_had(now):
                self._given.pop(path, None)
        self._places |= {os.path.dirname(path) for path in used if is_one(_name(path))}  # noqa: PTH120
        if place := self._place():
            self._places.add(os.path.normpath(place))
        with self._turn:
            self._asked = _Asked(used, now, sorted(self._places))
            begins, self._sweeps = not self._sweeps, True
        if begins:
            self._beside(self._sweep_on)

    def through(self, seconds: float) -> None:
        """Wait for what is being removed, so long at most: a process that ends takes it with it."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _place(self) -> str:
        return next((mount.source for mount in self._spec().mounts if mount.target == SCRATCH_TARGET), "")

    def _instance(self) -> str:
        return made_by(dict(self._spec().labels))

    def _beside(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="scratch", daemon=True)
        self._threads = [*(thread for thread in self._threads if thread.is_alive()), thread]
        thread.start()

    def _sweep_on(self) -> None:
        while True:
            with self._turn:
                asked, self._asked = self._asked, None
                if asked is None:
                    self._sweeps = False
                    return
            for place in asked.places:
                self._sweep_one(place, asked)

    def _sweep_one(self, place: str, asked: _Asked) -> None:
        try:
            with self._making:
                names = HelperProcess("service.scratch_calls:found", place, self._instance()).value(tuple[str, ...])
                given = [path for path, given in dict(self._given).items() if given.may_be_had(asked.at)]
        except HelperFailed as failure:
            self._tell(Priority.INFO, str(failure))
            return
        # By the name alone: the engine may tell a path behind links otherwise. No name comes twice.
        kept = set(map(_name, (*asked.used, *given)))
        whole = place in (*asked.used, *given)
        self._remove(place, [name for name in names if name not in kept], top=not whole)

    def _remove(self, place: str, names: Sequence[str], *, top: bool) -> None:
        with self._removing:
            try:
                call = HelperProcess("service.scratch_calls:remove", place, self._instance(), names, top)
                removed = call.value(Removed)
            except HelperFailed as failure:
                self._tell(Priority.INFO, str(failure))
                return
        self._tell_what_stays(removed)
        self._tell_of_left_overs(place, removed)

    def _tell_what_stays(self, removed: Removed) -> None:
        for path, why in removed.stays:
            text = f"{path} was a pilot's that has ended, and stays for now: {why}."
            if why == IN_USE:
                self._tell(Priority.INFO, text)
            else:
                by_hand = f"rm -rf --one-file-system {shlex.quote(path)}"
                self._tell(Priority.WARNING, f"{text} It is tried again; to remove it by hand: {by_hand}")

    def _tell_of_left_overs(self, place: str, removed: Removed) -> None:
        if not removed.left_overs:
            return
        size, names = f"{removed.left_bytes / 2**30:.1f} GiB", " ".join(map(shlex.quote, removed.left_overs))
        if removed.left_stay:
            text = (
                f"Pilots of earlier releases, of this host or of others, have left {size} in {place}. If no such pilot"
            )
            self._tell(Priority.INFO, f"{text} runs any more, remove that: rm -rf {names}", about=names)
        else:
            self._tell(Priority.INFO, f"Removed {size} that pilots of earlier releases had left in {place}: {names}.")

    def _tell(self, priority: Priority, text: str, about: str = "") -> None:
        """Once each, or once about a thing."""
        if (about or text) not in self._said:
            self._said.add(about or text)
            self._say(priority, printable(text))


def _name(path: str) -> str:
    return os.path.basename(path)  # noqa: PTH119
