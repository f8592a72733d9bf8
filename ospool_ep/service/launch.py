"""From the settings to a running pilot: the only one of this host, or one beside others, which begins closed."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ospool_ep.configuration.findings import Checked
from ospool_ep.container.specification import SCRATCH_TARGET, TOKEN_LABEL, ContainerSpec
from ospool_ep.engine.interface import Engine, EngineError, EngineUnreachable
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.events import Event, HostChecked, Launched, LaunchRefused
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Stage
from ospool_ep.service.advertising import advertising
from ospool_ep.service.cvmfs_places import takes_places, with_cvmfs_places
from ospool_ep.service.find_pilot import name_beside, pilot_in
from ospool_ep.service.image_orders import last_good
from ospool_ep.service.launch_turn import NoTurnError, launch_turn
from ospool_ep.service.scratch import Scratch
from ospool_ep.service.settings import Settings, hindrance
from ospool_ep.service.sum_limit import SumLimit
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.host_failures import why
from ospool_ep.system.journal import Journal
from ospool_ep.system.run_directory import RunDirectory

_THE_END = LaunchRefused("The service ends.")


class _Refused(Exception):
    """Why this host does not have what the pilot needs."""


@contextlib.contextmanager
def _named(what: str) -> Iterator[None]:
    """A failure inside is told with that sentence before it; one of an engine that is away stays what it is."""
    try:
        yield
    except OSError as failure:
        raise _Refused(f"{what}: {why(failure)}") from failure
    except EngineUnreachable:
        raise
    except (EngineError, HelperFailed, NoTurnError) as failure:
        raise _Refused(f"{what}: {failure}") from failure


@dataclass(frozen=True)
class Launcher:
    """What a pilot needs of this host beside its container."""

    engine: Engine
    journal: Journal
    scratch: Scratch
    sums: SumLimit
    run_directory: RunDirectory
    # Whether the service is to end: no pilot is made any more.
    ends: Callable[[], bool] = lambda: False

    def launch(self, settings: Settings, checked: Checked, images: ImageRecord, *, beside: bool) -> Event:
        """Create and start the pilot's container; gives a Launched, or why there is none. Raises EngineUnreachable.

        ``beside``: other pilots run, and this one begins closed.
        """
        if self.ends():
            return _THE_END
        hindered = hindrance(checked.findings)
        no_room = checked.no_room if beside else ""
        if hindered or no_room:
            return HostChecked(hindered, no_room)
        wanted = settings.beside if beside else settings.spec
        if wanted is None:
            return LaunchRefused("No pilot can be made beside another one with this configuration.")
        if beside:
            wanted = replace(wanted, name=name_beside(wanted.name))
        if checked.token:
            # Each later process notices by that that another token is on disk.
            wanted = replace(wanted, labels=(*wanted.labels, (TOKEN_LABEL, checked.token)))
        try:
            with _named("What the pilot advertises cannot be put where it reads it"):
                names, said = settings.advertises_host, checked.attributes
                wanted = advertising(wanted, said, self.run_directory, host=names, closed=beside)
            with contextlib.ExitStack() as turn:
                with _named("The pilot's directories for CVMFS can't be had"):
                    if takes_places(wanted):
                        turn.enter_context(launch_turn(self.ends))
                    wanted = with_cvmfs_places(wanted, self.engine)
                return self._made(wanted, settings, images, Stage.CLOSED if beside else Stage.OPEN)
        except _Refused as refused:
            return LaunchRefused(str(refused))

    def _made(self, wanted: ContainerSpec, settings: Settings, images: ImageRecord, stage: Stage) -> Event:
        # Where a file system hangs it takes long.
        with _named("There is no scratch directory for the pilot"):
            place = self.scratch.for_next(beside=stage is Stage.CLOSED)
        event = _THE_END if self.ends() else self._placed(_with_scratch(wanted, place), settings, images, stage)
        if isinstance(event, LaunchRefused):
            self.scratch.gone(place)
        return event

    def _placed(self, wanted: ContainerSpec, settings: Settings, images: ImageRecord, stage: Stage) -> Event:
        try:
            spec = self.sums.before_launch(_chosen(self.engine, wanted, images, self.journal))
            return self._started(spec, settings.spec.name, stage)
        except EngineUnreachable:
            # It may have made the container all the same: that is found once it is back.
            raise
        except EngineError as error:
            return LaunchRefused(f"The engine did not start the pilot: {error}")
        finally:
            self.sums.after_launch()

    def _started(self, spec: ContainerSpec, named: str, stage: Stage) -> Event:
        container_id = self.engine.create(spec)
        try:
            self.engine.start(container_id)
        except EngineUnreachable:
            raise
        except EngineError:
            # What stays of it is removed when it is found.
            with contextlib.suppress(EngineError):
                self.engine.remove(container_id)
            raise
        container = self.engine.container(container_id)
        if container is None:
            return LaunchRefused("Somebody else removed the pilot's container as it was starting.")
        return Launched(pilot_in(container, self.engine, named, stage))


def _with_scratch(spec: ContainerSpec, place: str) -> ContainerSpec:
    """With a scratch directory of its own; empty: its container's own file system serves."""
    if not place:
        return spec
    mounts = (replace(mount, source=place) if mount.target == SCRATCH_TARGET else mount for mount in spec.mounts)
    return replace(spec, mounts=tuple(mounts))


def _chosen(engine: Engine, spec: ContainerSpec, images: ImageRecord, journal: Journal) -> ContainerSpec:
    """With the last good image where the newest has failed."""
    good = images.stand_in(spec.image)
    if good is None:
        return spec
    named = engine.image(last_good())
    if named and named.id == good.id:
        return replace(spec, image=last_good())
    if engine.image(good.id):
        return replace(spec, image=good.id)
    text = f"The last good image, {good.name}, has been removed by somebody: the newest is used although it failed."
    journal.say(Priority.WARNING, text)
    return spec
