"""All pilots of a service together have the limits of one: those of a slice of systemd's, beside each container's own.

HTCondor in the pilots keeps to what it was told. The slice holds also where a job takes more than it asked for. Pilots
that are guests of this host have a slice of their own: as they take over from others, or others from them, each of the
two has limits.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional, TypeVar, Union

from ospool_ep.container.specification import (
    FINGERPRINT_LABEL,
    MEMORY_MARGIN_BYTES,
    ContainerSpec,
)
from ospool_ep.engine.interface import Container, Engine, EngineError
from ospool_ep.service.find_pilot import is_legacy, is_ours
from ospool_ep.system import guest_slice, slices
from ospool_ep.this_service import this_service
from ospool_ep.wording import short_id

Limits = tuple[Optional[float], Optional[int]]
N = TypeVar("N", int, float)
# One that runs, or one that will.
Limited = Union[Container, ContainerSpec]


def limits(pilots: Sequence[Limited]) -> Limits:
    """CPUs and bytes that these may use together, at least one; None where one of them has no limit.

    What they offer is what the largest has. What manages the jobs is there in each, and has its memory beside that.
    """
    cpus = _largest([pilot.cpus for pilot in pilots])
    memory = _largest([pilot.memory_bytes for pilot in pilots])
    return cpus, None if memory is None else memory + (len(pilots) - 1) * MEMORY_MARGIN_BYTES


def _largest(values: Sequence[Optional[N]]) -> Optional[N]:
    given = [value for value in values if value is not None]
    return max(given) if len(given) == len(values) else None


@dataclass(frozen=True)
class _Coming:
    """A pilot that is being made; ``there`` are the containers that there were before, ended ones too."""

    spec: ContainerSpec
    there: frozenset[str]


class SumLimit:
    """The slices: their limits rise before a pilot is made, and fall once the last larger one is gone."""

    def __init__(
        self,
        engine: Engine,
        set_limits: Callable[[str, Optional[float], Optional[int]], bool] = slices.set_limits,
        cgroups_are_unified: Callable[[], bool] = slices.cgroups_are_unified,
        guest_comes: Callable[..., bool] = guest_slice.guest_comes,
        last_guest_has_gone: Callable[[], bool] = guest_slice.last_has_gone,
    ) -> None:
        self._engine = engine
        self._set_limits = set_limits
        self._cgroups_are_unified = cgroups_are_unified
        self._guest_comes, self._last_guest_has_gone = guest_comes, last_guest_has_gone
        # Pilots end while another one is being made.
        self._one_at_a_time = threading.Lock()
        self._coming: Optional[_Coming] = None
        self._set: dict[str, Limits] = {}
        # Why there are none: the engine can't, systemd did not, a pilot runs elsewhere. None: that is not known yet.
        self._impossible: Optional[str] = None
        self._refused = self._outside = self._apart = ""

    @property
    def note(self) -> str:
        """What of the limits does not hold, for the status; empty where they all do."""
        why = self._impossible or self._refused or self._outside
        return f"the sum of the pilots has no limit of the engine's: {why}" if why else self._apart

    def cgroup_parent(self, *, guest: bool = False) -> str:
        """Where the next container belongs: the slice, or empty where it can limit nothing. EngineError."""
        if not self._cgroups_are_unified():
            # The engine is not asked: that takes it some time.
            self._impossible = slices.NOT_UNIFIED
        elif self._engine.info().limits_sums:
            self._impossible = ""
        else:
            self._impossible = slices.NOT_BY_SYSTEMD
        if self._impossible:
            return ""
        return this_service().guest_slice if guest else this_service().slice

    def before_launch(self, spec: ContainerSpec) -> ContainerSpec:
        """Let the slice have room for this one, too. EngineError.

        Returns the specification of the container to make.
        """
        with self._one_at_a_time:
            self._coming = None
            spec = replace(spec, cgroup_parent=self.cgroup_parent(guest=spec.guest))
            if not spec.cgroup_parent:
                return spec
            there = self._engine.labelled(FINGERPRINT_LABEL, ended=True)
            self._coming = _Coming(spec, frozenset(container.id for container in there))
            self._limit([*self._inside(there), spec], anew=True)
            if spec.guest:
                # Where systemd does not do it, what the units say holds.
                self._guest_comes(backfill=spec.backfill)
            # Limits that could not rise might be too low for it.
            return replace(spec, cgroup_parent="") if self._refused else spec

    def after_launch(self) -> None:
        """The pilot was made, or could not be. Raises nothing."""
        with self._one_at_a_time:
            self._coming = None
        self.after_change()

    def after_change(self) -> None:
        """Pilots were found, or one has ended: lower what was for those that are gone. Raises nothing."""
        # Where the engine does not answer the limits stay; once it does, pilots are looked for.
        with self._one_at_a_time, contextlib.suppress(EngineError):
            if not self._cgroups_are_unified():
                self.cgroup_parent()
                return
            there = self._engine.labelled(FINGERPRINT_LABEL)
            inside = self._inside(there)
            if self._coming and any(container.id not in self._coming.there for container in inside):
                self._coming = None
            self._outside = self._told(there)
            if self._outside and self._impossible is None:
                self.cgroup_parent()
            self._limit([*inside, *([self._coming.spec] if self._coming else [])])

    def _limit(self, pilots: Sequence[Limited], *, anew: bool = False) -> None:
        """``anew``: somebody may have changed them meanwhile."""
        places = {place: [one for one in pilots if one.cgroup_parent == place] for place in _slices()}
        self._let_go(this_service().guest_slice, places)
        refused = [place for place, there in places.items() if there and not self._limit_one(place, there, anew=anew)]
        if pilots:
            self._refused = f"systemd did not set the limits of {' and '.join(refused)}" if refused else ""
            self._apart = _apart(places)

    def _let_go(self, guests: str, places: Mapping[str, Sequence[Limited]]) -> None:
        """The last guest has gone: those of other services weigh without it."""
        if guests in self._set and not places[guests]:
            del self._set[guests]
            self._last_guest_has_gone()

    def _limit_one(self, place: str, pilots: Sequence[Limited], *, anew: bool) -> bool:
        wanted = limits(pilots)
        if not anew and wanted == self._set.get(place):
            return True
        done = self._set_limits(place, *wanted)
        if done:
            self._set[place] = wanted
        else:
            self._set.pop(place, None)
        return done

    def _inside(self, containers: Sequence[Container]) -> list[Container]:
        """Those of this service that run in its slices."""
        return [one for one in containers if one.running and is_ours(one) and one.cgroup_parent in _slices()]

    def _told(self, containers: Sequence[Container]) -> str:
        """That a pilot runs outside of the slices; empty where none does."""
        ours = [one for one in containers if is_ours(one)]
        # The pilot of the package's earlier service has no label.
        named = self._engine.container(this_service().container_name)
        legacy = [named] if named and named.running and is_legacy(named) else []
        outside = next((one for one in (*ours, *legacy) if one.cgroup_parent not in _slices()), None)
        where = this_service().slice
        return f"the pilot in container {short_id(outside.id)} runs outside of {where} until it ends" if outside else ""


def _slices() -> tuple[str, str]:
    return this_service().slice, this_service().guest_slice


def _apart(places: Mapping[str, Sequence[Limited]]) -> str:
    """That some pilots are guests and others not: what holds for those together."""
    if not all(places.values()):
        return ""
    return f"until the earlier pilots have ended, {' and '.join(places)} each have the limits of one pilot"
