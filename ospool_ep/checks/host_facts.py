"""Gathers the facts about this host that decide whether a pilot can run and get jobs. It judges nothing.

What can hang is asked with a deadline: file systems by copies of this process, the engine with a timeout.
"""

import enum
import os
import re
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from ospool_ep.checks.path_probe import look
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.contents import Configuration
from ospool_ep.engine.address import default_socket
from ospool_ep.engine.http import Refused, Stream
from ospool_ep.system.host_capacity import capacity

# Long enough for the automounter to mount a CVMFS repository over a slow line.
PATH_SECONDS = 15.0
ENGINE_SECONDS = 5.0

# The pilot's entry point looks for the first one; a site with another default configuration has the second.
CVMFS_REPOSITORIES = ("config-osg.opensciencegrid.org", "oasis.opensciencegrid.org")


@dataclass(frozen=True)
class Places:
    """Where things are on a host."""

    cvmfs: str = "/cvmfs"
    fuse: str = "/dev/fuse"
    opencl_vendors: str = "/etc/OpenCL/vendors"
    engine_socket: str = field(default_factory=default_socket)
    mounts: str = "/proc/self/mountinfo"
    cdi: tuple[str, ...] = ("/etc/cdi", "/var/run/cdi")


class Answer(enum.Enum):
    """What came of asking the engine who it is."""

    WELL = "well"
    NO_SOCKET = "no socket"
    REFUSED = "refused"
    DENIED = "denied"
    SILENT = "silent"
    WRONG = "wrong"


@dataclass(frozen=True)
class EngineFacts:
    """The container engine. ``commands`` are the command lines of engines that are installed here.

    ``docker`` is the version, where Docker answers.
    """

    socket: str
    answer: Answer
    commands: tuple[str, ...] = ()
    docker: tuple[int, ...] = ()


@dataclass(frozen=True)
class HostFacts:
    """The facts; None or empty where the configuration does not ask for one.

    ``cpus`` as the engine counts them; ``memory_bytes`` is all memory; ``cvmfs_mounts`` are the types of
    the file systems mounted on /cvmfs and below it.
    """

    root: bool
    cpus: int
    memory_bytes: int
    token: Optional[Sight]
    scratch: Optional[Sight]
    fuse: Sight
    cvmfs: tuple[Sight, ...]
    opencl_vendors: Optional[Sight]
    engine: EngineFacts
    cvmfs_mounts: tuple[str, ...] = ()


def gather(configuration: Configuration, places: Places) -> HostFacts:
    """Look at everything that this configuration needs of this host. Raises HelperFailed, see ``path_probe``."""
    token, scratch = configuration.text("TOKEN_LOCATION"), configuration.text("WORKER_TEMP_DIR")
    asks_cvmfs = configuration.truth("BIND_MOUNT_CVMFS")
    cvmfs = [f"{places.cvmfs}/{repository}" for repository in CVMFS_REPOSITORIES] if asks_cvmfs else []
    purposes = dict.fromkeys((places.fuse, *cvmfs), "look")
    if configuration.truth("PROVIDE_NVIDIA_GPU"):
        purposes[places.opencl_vendors] = "look"
    # A path without a leading slash is no path for the engine; the configuration's own checks say so.
    if scratch.startswith("/"):
        purposes[scratch] = "write"
    if token.startswith("/"):
        purposes[token] = "read"
    seen, here = look(purposes, PATH_SECONDS), capacity()
    return HostFacts(
        root=os.geteuid() == 0,
        cpus=here.cpus,
        memory_bytes=here.memory_bytes,
        token=seen.get(token),
        scratch=seen.get(scratch),
        fuse=seen[places.fuse],
        cvmfs=tuple(seen[path] for path in cvmfs),
        cvmfs_mounts=tuple(_mounted_under(places.cvmfs, places.mounts)) if cvmfs else (),
        opencl_vendors=seen.get(places.opencl_vendors),
        engine=engine_facts(places.engine_socket),
    )


def _mounted_under(directory: str, mounts: str) -> Iterator[str]:
    """The types of the file systems mounted on a directory or below it. Source: proc(5), /proc/PID/mountinfo."""
    for line in Path(mounts).read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields, _, rest = line.partition(" - ")
        point = fields.split()[4]
        if point == directory or point.startswith(f"{directory}/"):
            yield rest.split()[0]


def engine_facts(path: str) -> EngineFacts:
    """What can be told of the engine behind that socket, within ENGINE_SECONDS."""
    commands = tuple(name for name in ("docker", "podman") if shutil.which(name))
    answer, head = _ping(path)
    version = re.search(rb"^Server: Docker/(\d+)\.(\d+)\.(\d+)", head, re.MULTILINE)
    return EngineFacts(path, answer, commands, tuple(map(int, version.groups())) if version else ())


def _ping(path: str) -> tuple[Answer, bytes]:
    """Ask the engine for a sign of life; the head of its answer comes along. Source: Docker Engine API, "Ping"."""
    try:
        with Stream(path, "GET", "/_ping", timeout=ENGINE_SECONDS) as stream:
            return Answer.WELL, stream.head
    except FileNotFoundError:
        return Answer.NO_SOCKET, b""
    except PermissionError:
        return Answer.DENIED, b""
    except (TimeoutError, BlockingIOError, socket.timeout):
        return Answer.SILENT, b""
    # What is behind the socket refuses, ends without an answer, or speaks no HTTP.
    except (Refused, ConnectionResetError):
        return Answer.WRONG, b""
    except OSError:
        return Answer.REFUSED, b""
