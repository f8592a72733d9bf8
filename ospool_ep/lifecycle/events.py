"""The words of the lifecycle for what happens: each event is a fact that the service brings to it."""

from dataclasses import dataclass
from typing import Optional, Union

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.image_record import KnownImage
from ospool_ep.lifecycle.state import Hindrance, Hours, Pilot, Want
from ospool_ep.pilot.state import Job, PilotState, Share


@dataclass(frozen=True)
class _Failure:
    """Something did not work. ``reason`` is a sentence that says why, as far as that is known."""

    reason: str


@dataclass(frozen=True)
class _PilotFailure:
    """Something did not work with the pilot in that container; ``reason`` as above."""

    container_id: str
    reason: str


@dataclass(frozen=True)
class Began:
    """The service has started."""


@dataclass(frozen=True)
class Looked:
    """The engine said which pilots there are: ``running`` and ``ended`` ones, the oldest container first.

    ``foreign`` is somebody else's container that has our name. ``command`` is the engine's command line; empty where
    there was no engine. ``elsewhere``: there is nothing, and what follows belongs into another engine.
    """

    running: tuple[Pilot, ...] = ()
    ended: tuple[Pilot, ...] = ()
    foreign: str = ""
    command: str = "docker"
    elsewhere: bool = False


class LookRefused(_Failure):
    """The engine answers, and does not say which pilots there are."""


class EngineLost(_Failure):
    """The engine does not answer."""


@dataclass(frozen=True)
class PullProgressed:
    """Something of the image has come; so much of it is here, in percent."""

    reference: str
    percent: int


@dataclass(frozen=True)
class Pulled:
    """The image is here. ``warning`` tells when it is an older local one, because the registry failed.

    ``pulled_at``: when it was the registry's newest, by the state's clock; None for now. ``remark``: what the operator
    should mend, though the pull has succeeded.
    """

    reference: str
    image: KnownImage
    warning: str = ""
    pulled_at: Optional[float] = None
    remark: str = ""


@dataclass(frozen=True)
class PullRefused:
    """There is no image, not even an old one."""

    reference: str
    reason: str


@dataclass(frozen=True)
class ImageFound:
    """What the image's reference names here, None for nothing.

    ``pulled_at``: when it was last known to be the registry's newest, by the state's clock; None for never.
    """

    reference: str
    image: Optional[KnownImage]
    pulled_at: Optional[float] = None


@dataclass(frozen=True)
class FindImageRefused:
    """The engine answers, and does not say what the reference names."""

    reference: str
    reason: str


@dataclass(frozen=True)
class Launched:
    """The container runs."""

    pilot: Pilot


@dataclass(frozen=True)
class HostChecked:
    """This host was looked at, for the next pilot: what keeps it from being made, None for nothing.

    ``no_room``: why there is no room on the host's disks for one more beside those that run, or, where it was to be
    looked at before an image is given up, for those that run; empty: there is.
    """

    hindrance: Optional[Hindrance]
    no_room: str = ""


class LaunchRefused(_Failure):
    """The container could not be started; ``reason`` says why and how to mend it."""


@dataclass(frozen=True)
class Observed:
    """That pilot answered. ``advice`` says what to do where the pool refuses it."""

    container_id: str
    state: PilotState
    advice: str = ""


class Unanswered(_PilotFailure):
    """That pilot has not answered twice in a row; ``reason`` says why, as far as the engine knows."""


class LogRefused(_PilotFailure):
    """The engine answers, and does not give the pilot's log."""


@dataclass(frozen=True)
class PilotEnded:
    """The container has ended, and all that it wrote is in the journal.

    Somebody else may have ``removed`` it, or have ``restarted`` it, so that another pilot runs in it now.
    """

    container_id: str
    exit_code: int
    lived_seconds: float
    oom_killed: bool = False
    removed: bool = False
    restarted: bool = False


@dataclass(frozen=True)
class RunsAgain:
    """The container that had ended could not be removed, because somebody has started it again."""

    container_id: str


class RemoveRefused(_PilotFailure):
    """The container that has ended was not removed, and does not run."""


class DrainRefused(_PilotFailure):
    """The pilot's HTCondor did not take the order to drain, or the engine did not pass it on."""


@dataclass(frozen=True)
class Told:
    """The pilot's HTCondor has taken what the others hold."""

    container_id: str
    share: Share


class TellRefused(_PilotFailure):
    """The pilot's HTCondor did not take what the others hold, or the engine did not pass it on."""


class NameRefused(_PilotFailure):
    """The container did not get the known name."""


@dataclass(frozen=True)
class Asked:
    """An operator, or the timer, has asked for something: what is wanted now, and that the image be looked at.

    ``since``: when that was asked for, by the state's clock.
    """

    want: Want
    since: float = 0.0


@dataclass(frozen=True)
class Reconfigured:
    """The configuration was read again. ``change`` says what of it the running pilot lacks.

    ``hindrance``: what keeps the next pilot from being made, None for nothing.
    """

    policy: Policy
    reference: str
    fingerprint: str
    change: str
    hindrance: Optional[Hindrance] = None


@dataclass(frozen=True)
class TokenSeen:
    """The pilot's token was looked at. ``token`` is a hash of it, ``note`` says what is wrong with it, or soon will be.

    ``remind``: that was said before, and it is time to say it again.
    """

    token: str
    note: str
    remind: bool = False


@dataclass(frozen=True)
class HostSeen:
    """This host was looked at. ``note`` says what has gone wrong with it while its pilot runs; empty for nothing."""

    note: str


@dataclass(frozen=True)
class HoursSeen:
    """The clock was looked at: whether OSPOOL_EP_HOURS let jobs in, or until when, is something else than before."""

    hours: Hours


@dataclass(frozen=True)
class StopAsked:
    """The service has to end. ``leaving``: only our process, as another one follows; the pilot goes on."""

    leaving: bool = False


@dataclass(frozen=True)
class StopBegan:
    """That pilot is about to get its SIGTERM; ``jobs`` run, None where the pilot did not say in time."""

    container_id: str
    jobs: Optional[tuple[Job, ...]]


class StopRefused(_PilotFailure):
    """The engine did not stop the container."""


@dataclass(frozen=True)
class TimeUp:
    """The moment ``wake_at`` of the state has come."""


Event = Union[
    Began, Looked, LookRefused, EngineLost, PullProgressed, Pulled, PullRefused, ImageFound, FindImageRefused,
    HostChecked, Launched, LaunchRefused, Observed, Unanswered, LogRefused, PilotEnded, RunsAgain, RemoveRefused,
    DrainRefused, Told, TellRefused, NameRefused, Asked, Reconfigured, TokenSeen, HostSeen, HoursSeen, StopAsked,
    StopBegan, StopRefused, TimeUp,
]  # fmt: skip
