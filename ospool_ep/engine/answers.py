"""What the engine answers, in the project's own words; the way back of ``container.create_request``.

Source: Docker Engine API, "Get version", "Get system information", "Inspect an image", "Inspect a container".
"""

from collections.abc import Sequence
from typing import Any

from ospool_ep.configuration import image_reference
from ospool_ep.engine.interface import Container, EngineError, EngineInfo, EngineUnreachable, Image
from ospool_ep.pilot.log import nanoseconds
from ospool_ep.wording import one_line

_NANO = 1_000_000_000


def engine_info(version: dict[str, Any], info: dict[str, Any]) -> EngineInfo:
    """Who answers, from its version and its system information."""
    return EngineInfo(
        kind=kind(version),
        version=str(version["Version"]),
        api_version=str(version["ApiVersion"]),
        runtimes=frozenset(info.get("Runtimes") or {}),
        data_root=image_directory(info),
        limits_sums=info.get("CgroupDriver") == "systemd" and str(info.get("CgroupVersion")) == "2",
        cdi_directories=tuple(map(str, info.get("CDISpecDirs") or ())),
    )


def kind(version: dict[str, Any]) -> str:
    """Which engine it is: "docker" or "podman"."""
    components = version.get("Components") or []
    return "podman" if any("podman" in str(part.get("Name", "")).lower() for part in components) else "docker"


def image(found: dict[str, Any], reference: str) -> Image:
    """The image that was asked for by that reference."""
    return Image(
        id=found["Id"],
        digest=_registry_digest(found.get("RepoDigests") or [], reference),
        # In whole seconds, as lists have it.
        created=_seconds(found.get("Created") or "") // 1,
    )


def has_digest(found: dict[str, Any], digest: str) -> bool:
    """Whether that is one of the digests by which registries know the image."""
    return any(entry.endswith(f"@{digest}") for entry in found.get("RepoDigests") or [])


def unnamed(found: Sequence[dict[str, Any]], reference: str) -> tuple[Image, ...]:
    """Of the images in a list, those of that reference's repository that no tag names.

    Source: Docker Engine API, "List Images".
    """
    images = (
        Image(entry["Id"], _digest_of_unnamed(entry, reference), max(0.0, entry["Created"]))
        for entry in found
        if not tags(entry)
    )
    return tuple(image for image in images if image.digest)


def _digest_of_unnamed(entry: dict[str, Any], reference: str) -> str:
    """Podman forgets the digests of the registries with the names, and remembers which names there were."""
    had = any(_repository(name) == _repository(reference) for name in entry.get("History") or [])
    return _registry_digest(entry.get("RepoDigests") or [], reference) or (str(entry.get("Digest", "")) if had else "")


def tags(found: dict[str, Any]) -> list[str]:
    """The tags of an image. Some engines say "<none>:<none>" for none, and count a name with a digest among them."""
    return [tag for tag in found.get("RepoTags") or [] if not tag.startswith("<none>") and "@" not in tag]


def image_directory(info: dict[str, Any]) -> str:
    """Where the engine keeps its images, from its system information."""
    # With the image store of containerd, the default of a new Docker 29, that is not Docker's own directory.
    if any("io.containerd.snapshotter" in str(entry) for entry in info.get("DriverStatus") or []):
        return "/var/lib/containerd"
    return str(info.get("DockerRootDir") or "/var/lib/docker")


def container(found: dict[str, Any]) -> Container:
    """The container, running or not."""
    state, host = found["State"], found.get("HostConfig") or {}
    # Podman calls "stopping" what has been told to end, for as long as it takes.
    started, running = _seconds(state["StartedAt"]), bool(state["Running"]) or state.get("Status") == "stopping"
    # An end that is older than the start belongs to an earlier run, or the engine noted that of a short one first.
    finished = 0.0 if running or not started else max(_seconds(state["FinishedAt"]), started)
    return Container(
        id=found["Id"],
        name=found["Name"].lstrip("/"),
        image_id=found["Image"],
        image=found["Config"]["Image"],
        running=running,
        paused=bool(state["Paused"]),
        exit_code=int(state["ExitCode"]),
        oom_killed=bool(state["OOMKilled"]),
        started_at=started,
        finished_at=finished,
        labels=dict(found["Config"].get("Labels") or {}),
        mounts={mount["Destination"]: str(mount.get("Source", "")) for mount in found.get("Mounts") or []},
        created_at=_seconds(found.get("Created") or ""),
        cpus=(host.get("NanoCpus") or 0) / _NANO or None,
        memory_bytes=host.get("Memory") or None,
        cgroup_parent=str(host.get("CgroupParent") or ""),
    )


def waited_for(found: dict[str, Any], said: Any) -> Container:
    """The container once it was waited for; ``said`` is the answer to that. It runs if somebody has started it again.

    EngineUnreachable or EngineError where the wait has ended and not the container: Podman says beforehand that all is
    well, and nothing more when it ends itself; and without its monitor it can't tell how a container has ended.
    Source: podman, pkg/api/handlers/utils/containers.go.
    """
    ended = container(found)
    if ended.running and not said:
        raise EngineUnreachable("The container engine has ended while it was asked.")
    if ended.running and said.get("Error"):
        reason = one_line(str(said["Error"].get("Message")))
        raise EngineError(f"The engine does not tell when the container ends: {reason}")
    return ended


def is_being_removed(found: dict[str, Any]) -> bool:
    """Whether a container that has ended is being removed. Who does that by force has begun before its end."""
    return bool(found["State"].get("Status") == "removing")


def _seconds(stamp: str) -> float:
    """Seconds since the epoch; 0 for the year 1, by which the engine says "not yet", and for nothing at all."""
    return max(0.0, nanoseconds(stamp) / 1e9) if stamp else 0.0


def _registry_digest(repository_digests: Sequence[str], reference: str) -> str:
    """The digest by which the registry of ``reference`` knows the image; any one where that is an image's id."""
    for entry in repository_digests:
        repository, _, digest = entry.partition("@")
        if reference.startswith("sha256:") or _repository(repository) == _repository(reference):
            return digest
    return ""


def _repository(reference: str) -> str:
    """The repository in full; the engine has dropped, or added, what stands for Docker's own registry."""
    try:
        found = image_reference.parse(reference)
    except image_reference.InvalidReference:
        return reference
    return f"{found.registry}/{found.repository}"
