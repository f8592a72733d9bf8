"""What is wrong with the keys as a whole: one is missing, unknown, obsolete or a token; two exclude each other."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Optional

from ospool_ep.configuration.broker_ports import check_broker_ports
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.cvmfs_keys import check_cvmfs_keys
from ospool_ep.configuration.environment_file import Assignment
from ospool_ep.configuration.findings import Finding, about, error, info, warning
from ospool_ep.configuration.gpu_choice import check_gpu_keys
from ospool_ep.configuration.hand_over import check_hours
from ospool_ep.configuration.htcondor_knobs import knob_of, what_breaks
from ospool_ep.configuration.masking import looks_like_token, quoted
from ospool_ep.configuration.option import GoesTo, Kind
from ospool_ep.configuration.options import OPTIONS, nearest_known
from ospool_ep.configuration.privilege_checks import check_privileges
from ospool_ep.configuration.quoting_checks import check_quoting
from ospool_ep.configuration.repository_names import check_repositories

# Nobody misspells more of them; and a search for what may be meant takes longer than all else about a line.
_MOST_MISSPELT = 300

# The image looks for these letters, in whatever they stand, and takes a pilot with one for an allocated one: its
# osgvo-advertise-base. The common pool's negotiator leaves that alone.
_ALLOCATED = re.compile("owner|project", re.IGNORECASE)

# In the names of resources: the rule of the OSPool's main negotiator, in its 95_negotiator.
_NOT_SERVED = re.compile("^UNKNOWN$|ARGO")

_TO_ITS_FILE = "Put it into the file of TOKEN_LOCATION, and remove it here."


def check_keys(configuration: Configuration, assignments: Mapping[str, Assignment]) -> Iterator[Finding]:
    """All of it. ``assignments`` are those that take effect, by their keys."""
    unknown = enumerate(key for key in configuration.unknown_keys if knob_of(key) is None)
    near = {key: nearest_known(key) if number < _MOST_MISSPELT else None for number, key in unknown}
    yield from _check_required(configuration, near)
    yield from _check_unknown(configuration, near)
    yield from _check_obsolete(assignments)
    yield from _check_knobs(configuration)
    yield from _check_cvmfs(configuration)
    yield from _check_binds(configuration)
    yield from check_cvmfs_keys(configuration)
    yield from check_quoting(configuration)
    yield from _check_pool(configuration)
    yield from _check_allocated(configuration)
    yield from check_broker_ports(configuration)
    yield from check_hours(configuration)
    yield from check_privileges(configuration)
    yield from check_gpu_keys(configuration)
    yield from _check_tokens(assignments)


def _check_required(configuration: Configuration, near: Mapping[str, Optional[str]]) -> Iterator[Finding]:
    meant = {known: key for key, known in near.items()}
    for option in OPTIONS.values():
        key = option.name
        if option.required and not configuration.values[key].value.strip():
            hint = f"Set it: {key}={option.default or '...'}"
            if key in meant:
                where = configuration.where(meant[key])
                hint = f"L{where[1:]} sets {meant[key]}: is that meant? Write {key}=..."
            yield error("missing-required", "This key must have a value.", hint, **configuration.place(key))


def _check_obsolete(assignments: Mapping[str, Assignment]) -> Iterator[Finding]:
    for key, item in assignments.items():
        option = OPTIONS.get(key)
        if option and option.obsolete and item.value:
            yield warning("obsolete-key", option.description, option.successor, key=key, line=item.line)


def _check_unknown(configuration: Configuration, near: Mapping[str, Optional[str]]) -> Iterator[Finding]:
    for key, known in near.items():
        message = "This key is unknown; the pilot gets it as it is."
        if configuration.values[key].goes_to is GoesTo.NOWHERE:
            message = "This key is unknown, and has no effect."
        hint = f"Write {known}, if that is meant." if known else "Look at its spelling; ospool-ep.cfg(5) has all keys."
        yield warning("unknown-key", message, hint, **configuration.place(key))


def _check_knobs(configuration: Configuration) -> Iterator[Finding]:
    for key in configuration.unknown_keys:
        knob = knob_of(key)
        breaks = what_breaks(knob) if knob else None
        if breaks:
            message = f"With {knob} of HTCondor set here {breaks}."
            yield warning("knob-breaks", message, "Remove the line, unless that is meant.", **configuration.place(key))


def _check_cvmfs(configuration: Configuration) -> Iterator[Finding]:
    bound, value = configuration.truth("BIND_MOUNT_CVMFS"), configuration.text("CVMFSEXEC_REPOS")
    # What has no dot is told as what it is: no repository.
    conflict = bound and any("." in name for name in configuration.repositories)
    if value:
        found = check_repositories(value, bound=bound and not conflict)
        yield from about("CVMFSEXEC_REPOS", configuration.line("CVMFSEXEC_REPOS"), found)
    if conflict:
        asking = f"{configuration.where('BIND_MOUNT_CVMFS')} asks with BIND_MOUNT_CVMFS"
        message = f"CVMFS comes either from this host, as {asking}, or from here."
        hint = "Remove one of the two lines."
        if configuration.own_path:
            hint = f"Remove one of the two lines, or write one of the keys without a value in {configuration.own_path}"
        yield error("conflicting-cvmfs", message, hint, **configuration.place("CVMFSEXEC_REPOS"))


def _check_binds(configuration: Configuration) -> Iterator[Finding]:
    if configuration.text("OSPOOL_EP_BIND"):
        from ospool_ep.configuration.binds import check_sources  # noqa: PLC0415 - for what few sites set

        yield from check_sources(configuration)


def _check_pool(configuration: Configuration) -> Iterator[Finding]:
    if configuration.text("CONDOR_HOST") and configuration.text("POOL"):
        where = configuration.where("CONDOR_HOST")
        message = f"The pilot does not report to this pool: CONDOR_HOST in {where} says to whom."
        yield info("pool-not-used", message, "Remove one of the two lines.", **configuration.place("POOL"))


def _check_allocated(configuration: Configuration) -> Iterator[Finding]:
    yield from _check_resource(configuration)
    if not configuration.joins_an_ospool:
        return
    then = "the pilot leaves the common pool, and gets jobs only from the negotiator for allocations"
    word = _ALLOCATED.search(configuration.text("GLIDEIN_Start_Extra"))
    if word:
        hint = "Say it without these letters, if the pilot is for everybody."
        place = configuration.place("GLIDEIN_Start_Extra")
        yield warning("not-in-common-pool", f'There is "{word[0]}" in it: {then}.', hint, **place)
    if configuration.text("OSG_PROJECT_NAME"):
        hint = "Leave it empty, if the pilot is for everybody."
        message = f"With a project {then}."
        yield info("not-in-common-pool", message, hint, **configuration.place("OSG_PROJECT_NAME"))


def _check_resource(configuration: Configuration) -> Iterator[Finding]:
    name = configuration.text("GLIDEIN_ResourceName")
    if configuration.joins_ospool and _NOT_SERVED.search(name):
        message = f"The common pool passes over a resource of this name ({quoted(name)}): the pilot gets no jobs of it."
        hint = "Write the name that you registered in OSG Topology, if this is another one."
        yield warning("not-in-common-pool", message, hint, **configuration.place("GLIDEIN_ResourceName"))


def _check_tokens(assignments: Mapping[str, Assignment]) -> Iterator[Finding]:
    for key, item in assignments.items():
        secret = key in OPTIONS and OPTIONS[key].kind is Kind.SECRET
        if looks_like_token(key):
            message = "A token stands here in place of a key, and everybody can read this file."
            yield replace(error("config-syntax", message, _TO_ITS_FILE, line=item.line), file=item.file)
        elif item.value and (secret or looks_like_token(item.value)):
            not_passed = "" if secret else " The value is not passed on."
            message = f"A token stands here, and everybody can read this file.{not_passed}"
            yield warning("token-in-configuration", message, _TO_ITS_FILE, key=key, line=item.line)
