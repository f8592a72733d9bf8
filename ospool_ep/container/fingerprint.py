"""The fingerprint of a configuration: it tells whether a running pilot was made from another one.

It is what 25.1.0 hashed, which was its container; what that had beside the configuration's own is frozen here. So this
release, and each that follows, may render a configuration in another way: no pilot that runs is outdated by an upgrade.
"""

import json
from typing import Any

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.option import Kind
from ospool_ep.configuration.options import OPTIONS

# What each container of 25.1.0 was, whatever its configuration. Not one of these may change, here or by a name from
# elsewhere: the pilots of every host would drain at the upgrade.
_FROZEN: dict[str, Any] = {
    "name": "ospool-ep-container",
    "user": "1000",
    "devices": ["/dev/fuse"],
    "security_options": ["no-new-privileges", "seccomp=unconfined"],
    "unmasked_system_paths": True,
    "open_files": 2048,
    "pids_limit": 16384,
}
_DEFAULTS_OF_THE_PILOT = {
    "CVMFSEXEC_DEBUG": "false", "ACCEPT_JOBS_FOR_HOURS": "62", "RETIREMENT_HOURS": "10", "ACCEPT_IDLE_MINUTES": "30",
    "GLIDEIN_RANDOMIZE_NAME": "false", "ENABLE_REMOTE_SYSLOG": "true", "ITB": "false",
}  # fmt: skip
_TOKEN_OF_THE_CONFIGURATION = "/run/ospool-ep/token"  # noqa: S105 - where it lies
_MEMORY_MARGIN_MIB = 100
# Keys that later releases brought, and that make another container. One that says what holds without it counts for
# nothing. Another one is added at the end.
_OF_LATER_RELEASES = (
    "OSPOOL_EP_GPUS", "OSPOOL_EP_BIND", "OSPOOL_EP_NETWORK", "OSPOOL_EP_PRIVILEGES", "OSPOOL_EP_CVMFS_CACHE",
    "OSPOOL_EP_CVMFS_LOGS", "OSPOOL_EP_CVMFS_DEFAULT", "OSPOOL_EP_EXTRA_ATTRIBUTES", "OSPOOL_EP_ADVERTISE_HOST",
    "OSPOOL_EP_PRIORITY", "OSPOOL_EP_HOURS",
)  # fmt: skip
_RANDOM_NAME = "GLIDEIN_RANDOMIZE_NAME"


def fingerprint(configuration: Configuration) -> str:
    """A stable hash of what a configuration without errors says of the pilot.

    The content of the files that the pilot mounts is no part of it. The image is, by its name; and the default image is
    called after the OSG series.
    """
    memory, gpu = configuration.number("MEMORY"), configuration.truth("PROVIDE_NVIDIA_GPU")
    said = {
        "image": configuration.image,
        "environment": sorted(_environment(configuration, gpu).items(), key=repr),
        "mounts": sorted(_mounts(configuration, gpu), key=repr),
        "cpus": configuration.number("NUM_CPUS"),
        "memory_bytes": None if memory is None else (memory + _MEMORY_MARGIN_MIB) << 20,
        "runtime": "nvidia" if gpu else "",
        "later": _of_later_releases(configuration),
    }
    # 25.1.0 left out what was empty.
    parts = {**_FROZEN, **{name: value for name, value in said.items() if value}}
    import hashlib  # noqa: PLC0415 - a library of megabytes, for what the service does not do itself

    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _of_later_releases(configuration: Configuration) -> dict[str, str]:
    said = {key: _meaning(configuration, key) for key in _OF_LATER_RELEASES if _has_effect(configuration, key)}
    return {key: text for key, text in said.items() if text != OPTIONS[key].default}


def _has_effect(configuration: Configuration, key: str) -> bool:
    if key == "OSPOOL_EP_GPUS":
        return configuration.truth("PROVIDE_NVIDIA_GPU")
    return bool(configuration.repositories) or not key.startswith("OSPOOL_EP_CVMFS_")


def _meaning(configuration: Configuration, key: str) -> str:
    if key == "OSPOOL_EP_ADVERTISE_HOST" and configuration.advertises_host != configuration.truth(_RANDOM_NAME):
        # What holds without it, too.
        return OPTIONS[key].default
    if key == "OSPOOL_EP_HOURS":
        # Which hours these are is nothing of the container's.
        return "set" if configuration.text(key) else OPTIONS[key].default
    if OPTIONS[key].kind is Kind.TRUTH:
        return str(configuration.truth(key)).lower()
    return configuration.choice(key) if OPTIONS[key].kind is Kind.CHOICE else configuration.text(key)


def _environment(configuration: Configuration, gpu: bool) -> dict[str, str]:
    no_name_spaces = gpu or configuration.choice("OSPOOL_EP_PRIVILEGES") in ("minimum", "cvmfs-bind")
    values = configuration.values.items()
    set_by_the_file = {key: value.value for key, value in values if value.goes_to.reaches_pilot and value.line}
    return {
        **_DEFAULTS_OF_THE_PILOT,
        **set_by_the_file,
        **({"SINGULARITY_DISABLE_PID_NAMESPACES": "True"} if no_name_spaces else {}),
    }


def _mounts(configuration: Configuration, gpu: bool) -> list[dict[str, Any]]:
    # The order of the words counts: 25.1.0 sorted by them.
    scratch = configuration.text("WORKER_TEMP_DIR")
    token = _TOKEN_OF_THE_CONFIGURATION if configuration.text("TOKEN") else configuration.text("TOKEN_LOCATION")
    token_target = "/etc/condor/tokens-orig.d/flock.opensciencegrid.org"  # noqa: S105 - where it lies
    return [
        *([{"source": scratch, "target": "/pilot"}] if scratch else []),
        {"source": token, "target": token_target, "read_only": True},
        *(
            [{"source": "/cvmfs", "target": "/cvmfs", "propagation": "shared"}]
            if configuration.truth("BIND_MOUNT_CVMFS")
            else []
        ),
        *([{"source": "/etc/OpenCL/vendors", "target": "/etc/OpenCL/vendors", "read_only": True}] if gpu else []),
    ]
