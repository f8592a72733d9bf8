"""What the pilot's container may do: the three sets of OSPOOL_EP_PRIVILEGES, in the words of the engines' commands.

Source of the sets: the pilot image's documentation, "Open Science Pool Containers", at "Container Security
Configuration"; of ``cvmfs-bind`` an older version of it, at "Bind mount".
"""

from dataclasses import dataclass

from ospool_ep.configuration.contents import Configuration

# Docker's default, and what Apptainer needs besides. tools/seccomp_profile.py makes it.
SECCOMP_PROFILE = "/usr/share/ospool-ep/seccomp-minimum.json"

# Not separated by SELinux: the jobs of other people run in it, under HTCondor and Apptainer, which bring their own
# walls; and what is mounted keeps the label that its owner gave it. Both engines take it without SELinux.
_OF_EACH = ("label=disable",)

_OF_BOUND_CVMFS = ("DAC_OVERRIDE", "DAC_READ_SEARCH", "SETGID", "SETUID", "SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE")


@dataclass(frozen=True)
class Privileges:
    """One set. ``security_options`` are those of the command line.

    ``capabilities`` are all that the container has; none named: what the engine gives. With ``own_proc`` the engine
    masks nothing in /proc, and the kernel lets a job mount one of its own. Source: mount_too_revealing() in Linux,
    fs/namespace.c.
    """

    security_options: tuple[str, ...]
    own_proc: bool
    capabilities: tuple[str, ...] = ()

    @property
    def has_profile(self) -> bool:
        """Whether the shipped seccomp profile is part of it."""
        return f"seccomp={SECCOMP_PROFILE}" in self.security_options


_SETS = {
    "recommended": Privileges((*_OF_EACH, "seccomp=unconfined", "no-new-privileges"), own_proc=True),
    "minimum": Privileges((*_OF_EACH, f"seccomp={SECCOMP_PROFILE}", "no-new-privileges"), own_proc=False),
    "cvmfs-bind": Privileges((*_OF_EACH, "no-new-privileges"), own_proc=False, capabilities=_OF_BOUND_CVMFS),
}


def privileges(configuration: Configuration) -> Privileges:
    """The set that the configuration asks for."""
    return _SETS[configuration.choice("OSPOOL_EP_PRIVILEGES")]


def without_pid_namespaces(configuration: Configuration) -> bool:
    """Whether jobs can't have PID name spaces of their own: the pilot must be told, or none of their containers runs.

    A job in such a name space does not see the devices of GPUs.
    """
    return configuration.truth("PROVIDE_NVIDIA_GPU") or not privileges(configuration).own_proc
