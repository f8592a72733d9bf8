"""The directories of this host that jobs get by OSPOOL_EP_BIND: how the value is read, and what is wrong with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, about, error, warning
from ospool_ep.configuration.masking import quoted

KEY = "OSPOOL_EP_BIND"
_FORM = "SOURCE:TARGET, or SOURCE:TARGET:rw"

# What the pilot has at these places, or below, it needs; so nothing may be mounted on them, below or above. Source: the
# image's Dockerfile and scripts; the other mounts of ours are among them.
_OF_THE_PILOT = (
    "/bin", "/cvmfs", "/cvmfs-cache", "/cvmfs-logs", "/cvmfsexec", "/dev", "/etc", "/home/osg", "/lib", "/lib64",
    "/pilot", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr",  # noqa: S108 - in the pilot
    "/var/lib/condor", "/var/lock", "/var/log", "/var/run", "/var/tmp",  # noqa: S108
)  # fmt: skip

# Directories of this host that no job may have, with all that is in them.
_NEVER = (
    "/boot", "/dev", "/proc", "/run", "/sys", "/var/lib/containerd", "/var/lib/containers", "/var/lib/docker",
    "/var/lib/ospool-ep", "/var/run",
)  # fmt: skip
# Of each ospool-ep@NAME.
_NEVER_LIKE = "/var/lib/ospool-ep@"
# These neither, but what is in them may be meant: certificates, say.
_NEVER_AS_A_WHOLE = ("/etc", "/root", "/usr", "/var/lib")
# In each of these a pilot has a directory of its own.
_OF_PILOTS = ("WORKER_TEMP_DIR", "OSPOOL_EP_CVMFS_CACHE", "OSPOOL_EP_CVMFS_LOGS")


@dataclass(frozen=True)
class Bind:
    """A directory of this host, where it is in the pilot, and whether jobs may write in it."""

    source: str
    target: str
    writable: bool = False


def binds(value: str) -> tuple[Bind, ...]:
    """The directories that a value names; parts of it that are wrong are left out."""
    return tuple(_bind(part) for part in _parts(value) if not _problem(part)[0])


def check_binds(value: str) -> Iterator[Finding]:
    """What is wrong with the value by itself."""
    if not all(part.strip() for part in value.split(",")):
        message = f"{quoted(value)} has a comma with no directory beside it."
        yield warning("bind-empty", message, "Remove that comma.")
    for part in _parts(value):
        problem, mend = _problem(part)
        if problem:
            yield error("bind-invalid", f"{quoted(part)} {problem}.", mend)
    named = binds(value)
    for number, bind in enumerate(named):
        yield from _check_target(bind, named[:number])


def check_sources(configuration: Configuration) -> Iterator[Finding]:
    """Which of the directories no job may have, by their names; where links lead is seen on the host."""
    found = (finding for bind in binds(configuration.text(KEY)) for finding in check_source(bind, configuration))
    return about(KEY, configuration.line(KEY), found)


def check_source(bind: Bind, configuration: Configuration, real: str = "") -> Iterator[Finding]:
    """The same for one of them. ``real`` is where its links lead."""
    path = real or bind.source
    shown = f"{bind.source}, which is {path}," if real else path
    why = _why_never(path, configuration)
    if why:
        hint = "Name the directory with the files for the jobs, and no more than that."
        yield error("bind-refused", f"{shown} is nothing for jobs: {why}.", hint)
        return
    for key in _OF_PILOTS:
        scratch = configuration.text(key)
        if scratch.startswith("/") and _overlap(path, clean(scratch)):
            message = f"{shown} and {key} share files: jobs see there what is a pilot's own."
            # One job can then spoil another one's files; and the directory of a pilot that has ended is removed.
            found = error if bind.writable else warning
            yield found("bind-of-scratch", message, f"Name a directory beside {scratch}.")


def mount_points(wanted: Sequence[Bind]) -> Iterator[tuple[str, str]]:
    """Where, in a directory of this host's, another one is mounted, and as what; the engine would make it there."""
    for number, inner in enumerate(wanted):
        around = [
            bind for bind in wanted[:number] if bind.target != inner.target and is_within(inner.target, bind.target)
        ]
        if around:
            outer = max(around, key=lambda bind: len(bind.target))
            yield f"{outer.source.rstrip('/')}{inner.target[len(outer.target.rstrip('/')) :]}", inner.target


def clean(path: str) -> str:
    """An absolute path without what says nothing: doubled slashes, dots, a slash at its end."""
    return "/" + "/".join(name for name in path.split("/") if name not in ("", "."))


def is_within(path: str, directory: str) -> bool:
    """Whether a clean path is that directory or lies in it."""
    return directory in ("/", path) or path.startswith(f"{directory}/")


def _overlap(one: str, other: str) -> bool:
    return is_within(one, other) or is_within(other, one)


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _bind(part: str) -> Bind:
    fields = part.split(":")
    source = clean(fields[0].strip())
    target = clean(fields[1].strip()) if len(fields) > 1 else source
    return Bind(source, target, len(fields) > 2 and fields[2].strip() == "rw")


def _problem(part: str) -> tuple[str, str]:
    """What is wrong with a part, as a clause, and how to mend it; two empty texts where nothing is."""
    return next(_problems(part, [field.strip() for field in part.split(":")]), ("", ""))


def _problems(part: str, fields: Sequence[str]) -> Iterator[tuple[str, str]]:
    """All of them; the first is the one to begin with."""
    if part[0] in "\"'":
        yield "stands in quotes", "Write the path without them."
    if not part.isprintable():
        # What is no UTF-8, or breaks a line, no engine can be told of.
        yield "has a character that is not printable", "Use a symbolic link to it: ln -s DIRECTORY /srv/NAME"
    if len(fields) > 3 or (len(fields) == 3 and fields[2].startswith("/")):
        link = "ln -s DIRECTORY /srv/NAME"
        yield "has a colon in a path", f"Name a symbolic link to it: {link}; and another target."
    if len(fields) == 2 and fields[1] in ("ro", "rw"):
        yield "has no target", f"Write {fields[0]}:{fields[0]}:{fields[1]}"
    if len(fields) == 3 and fields[2] not in ("ro", "rw"):
        yield f"ends with {quoted(fields[2])}, which is neither ro nor rw", f"Write {fields[0]}:{fields[1]}:ro"
    for path in fields[:2]:
        if not path.startswith("/"):
            what = f"names {quoted(path)}, which is no absolute path" if path else "has an empty path"
            yield what, f"Write each path from / on, as {_FORM}; a path can have neither comma nor colon."
        elif ".." in path.split("/"):
            yield 'has a ".." in it', "Write the path that is meant."


def _check_target(bind: Bind, before: Sequence[Bind]) -> Iterator[Finding]:
    target = bind.target
    needed = [path for path in _OF_THE_PILOT if _overlap(target, path)]
    if needed:
        message = f"Nothing can be mounted on {target} in the pilot, which needs its own {needed[0]}."
        hint = f"Give it another place: {bind.source}:/srv{bind.source.rstrip('/')}{':rw' if bind.writable else ''}"
        yield error("bind-target-refused", message, hint)
    if any(target == other.target for other in before):
        hint = "Give each a target of its own, or remove one."
        yield error("bind-target-twice", f"Two directories have the target {target}.", hint)
    for other in before:
        if other.target != target and is_within(other.target, target):
            message = f"{target} would hide {other.target}, which stands before it."
            yield error("bind-target-hidden", message, f"Write {other.source}:{other.target} behind it.")


def _why_never(path: str, configuration: Configuration) -> str:
    token = configuration.text("TOKEN_LOCATION")
    if path == "/":
        return "it is all of this host"
    if token.startswith("/") and is_within(clean(token), path):
        return f"the token lies in it ({token})"
    if configuration.text("TOKEN") and is_within(configuration.path, path):
        return f"the token stands in {configuration.path}"
    whole = [known for known in (*_NEVER, *_NEVER_AS_A_WHOLE) if is_within(known, path)]
    inside = [known for known in _NEVER if is_within(path, known)]
    if path.startswith(_NEVER_LIKE):
        inside.append(path)
    if whole or inside:
        return f"{(whole or inside)[0]} holds what runs this host"
    return ""
