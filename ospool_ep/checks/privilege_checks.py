"""What a set of OSPOOL_EP_PRIVILEGES comes to with the engine of this host."""

from collections.abc import Iterator

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, error, info, warning
from ospool_ep.configuration.privilege_checks import KEY
from ospool_ep.container.privileges import privileges
from ospool_ep.engine import seccomp_profile


def check_privileges_here(configuration: Configuration, engine_kind: str, profile: str) -> Iterator[Finding]:
    """``engine_kind``: "docker" or "podman", or empty; ``profile`` is the path of the shipped seccomp profile."""
    allowed = privileges(configuration)
    problem = seccomp_profile.look(profile)[1] if allowed.has_profile else ""
    if problem:
        yield error("seccomp-profile-unusable", problem, seccomp_profile.MEND, **configuration.place(KEY))
    if allowed.capabilities and engine_kind == "podman":
        # As ambient capabilities, since they are asked for by name. Source: podman, pkg/specgen/generate/
        # security_linux.go; measured with 5.4.
        message = "Podman gives these capabilities to uid 1000, and so to each job: one that means harm is root here."
        hint = f"Write {KEY}=recommended; a pilot with BIND_MOUNT_CVMFS=true needs no capability."
        yield warning("capabilities-reach-jobs", message, hint, **configuration.place(KEY))
    elif allowed.capabilities and engine_kind and configuration.repositories:
        # Docker's default profile names pivot_root nowhere, whatever a container has; cvmfsexec has no other way.
        message = "With these privileges cvmfsexec cannot start: Docker's filter of system calls bars pivot_root."
        hint = f"Write {KEY}=recommended, or minimum."
        yield error("privileges-bar-cvmfsexec", message, hint, **configuration.place(KEY))
    elif allowed.capabilities and engine_kind:
        message = (
            "Docker gives these capabilities to root in the container; the pilot is uid 1000, and no program can take"
            " them (no-new-privileges): all that they do is to open the engine's filter of system calls."
        )
        hint = f"Write {KEY}=recommended, or minimum; a pilot with BIND_MOUNT_CVMFS=true needs no capability."
        yield info("capabilities-without-effect", message, hint, **configuration.place(KEY))
