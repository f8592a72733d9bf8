"""Whether a pilot of a configuration can hand over to the next one, and whether its hours leave the time for that."""

from collections.abc import Iterator

from ospool_ep.configuration.classad_syntax import fits_into_parentheses
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, Place, warning
from ospool_ep.configuration.htcondor_knobs import BAR_HAND_OVER, knob_of

_HOUR = 3600.0


def one_by_one(configuration: Configuration) -> str:
    """Why two pilots of this configuration can't run side by side, as a clause without a full stop; empty: they can."""
    if not configuration.truth("OSPOOL_EP_HAND_OVER"):
        return "OSPOOL_EP_HAND_OVER is false"
    if configuration.truth("PROVIDE_NVIDIA_GPU"):
        return "two pilots would hand out the same GPUs (PROVIDE_NVIDIA_GPU)"
    if not fits_into_parentheses(configuration.text("GLIDEIN_Start_Extra")):
        return "GLIDEIN_Start_Extra holds a macro and a comment, and cannot be put into parentheses"
    bars = [key for key in configuration.unknown_keys if knob_of(key) in BAR_HAND_OVER]
    return f"{bars[0]} is set, with which a pilot does not keep to what the other one leaves to it" if bars else ""


def check_hours(configuration: Configuration) -> Iterator[Finding]:
    """A warning where a pilot can't hand over in time for the longest job, or may have to wait for the ones before."""
    accepts, retires = (configuration.number(key) for key in ("ACCEPT_JOBS_FOR_HOURS", "RETIREMENT_HOURS"))
    seconds = configuration.seconds("OSPOOL_EP_LONGEST_JOB_HOURS")
    if accepts is None or retires is None or seconds is None or one_by_one(configuration):
        return
    longest = seconds / _HOUR
    after = min(accepts, accepts + retires - longest)
    # Two drain beside the one that takes jobs: the first of them has to end before that one makes room.
    if after >= longest / 2:
        return
    hours = f"ACCEPT_JOBS_FOR_HOURS={accepts} and RETIREMENT_HOURS={retires}"
    message = (
        f"A pilot ends after {accepts + retires} h ({hours}), and a job may run for {longest:g} h"
        f" (OSPOOL_EP_LONGEST_JOB_HOURS): {_what_follows(after, accepts, retires)}."
    )
    hint = (
        f"Let ACCEPT_JOBS_FOR_HOURS be at least {longest / 2:g}, and the two at least {1.5 * longest:g} in all; or"
        " write the hours of the longest job that really comes here into OSPOOL_EP_LONGEST_JOB_HOURS."
    )
    yield warning("no-time-for-longest-job", message, hint, **_place(configuration))


def _what_follows(after: float, accepts: int, retires: int) -> str:
    if after > 0:
        waits = (
            "that waits while the jobs of two pilots before it go on, and then cores stay empty, or jobs are cut off"
        )
        return f"it should hand over after {after:g} h, but {waits}"
    return f"it hands over after {accepts} h, and a job that then runs for more than {retires} h is cut off"


def _place(configuration: Configuration) -> Place:
    """That of the first of the keys that the file sets."""
    keys = ("ACCEPT_JOBS_FOR_HOURS", "RETIREMENT_HOURS", "OSPOOL_EP_LONGEST_JOB_HOURS")
    return configuration.place(next((key for key in keys if configuration.line(key) is not None), keys[0]))
