"""The request for a container in the words of Podman's own API: POST /libpod/containers/create.

Podman before 5.4 gives GPUs by no other way. What the other API is told is translated word by word, and what is not
known here is refused: nothing may get lost on the way. Source: podman, pkg/specgen/specgen.go, and for what is meant by
each word pkg/specgenutil/specgen.go.
"""

from typing import Any

# As Docker, and Podman for it, count: so many microseconds of a CPU in each period.
_PERIOD = 100_000
_NANO = 1_000_000_000

_PLAIN = {
    "CgroupParent": "cgroup_parent", "ShmSize": "shm_size", "CapAdd": "cap_add", "CapDrop": "cap_drop",
    "OomScoreAdj": "oom_score_adj",
}  # fmt: skip


class Untranslatable(ValueError):
    """Something that is not known here; the text names it."""


def libpod_body(body: dict[str, Any], name: str) -> dict[str, Any]:
    """The same request as ``create_request.create_body`` gives for Podman. Raises Untranslatable."""
    host = dict(body["HostConfig"])
    known = {"Image", "User", "Env", "Labels", "StopTimeout", "HostConfig"}
    log = host.pop("LogConfig")
    log_options = dict(log["Config"])
    request: dict[str, Any] = {
        "name": name,
        "image": body["Image"],
        "user": body["User"],
        "env": dict(line.split("=", 1) for line in body["Env"]),
        "labels": body["Labels"],
        "stop_timeout": body["StopTimeout"],
        "log_configuration": {"driver": log["Type"], "size": int(log_options.pop("max-size"))},
        "mounts": [*map(_bind, host.pop("Binds")), *map(_mount, host.pop("Mounts"))],
        "devices": [*map(_device, host.pop("Devices")), *_interfaces(host.pop("DeviceRequests", []))],
        "r_limits": [_limit(limit) for limit in host.pop("Ulimits")],
        "resource_limits": _resources(host),
        **_network(host.pop("NetworkMode")),
        "userns": {"nsmode": host.pop("UsernsMode")},
        "restart_policy": host.pop("RestartPolicy")["Name"],
        # As the other API does by itself.
        "create_working_dir": True,
        "base_hosts_file": "none",
        "image_volume_mode": "anonymous",
        **_security(host.pop("SecurityOpt")),
        **{ours: host.pop(theirs) for theirs, ours in _PLAIN.items() if theirs in host},
    }
    left = [*host, *log_options, *(body.keys() - known)]
    if left:
        raise Untranslatable(", ".join(sorted(left)))
    return request


def _bind(text: str) -> dict[str, Any]:
    source, target, *options = text.split(":")
    return _mounted(source, target, options[0].split(",") if options else [])


def _mount(fields: dict[str, Any]) -> dict[str, Any]:
    propagation = fields.get("BindOptions", {}).get("Propagation")
    options = [*(["ro"] if fields["ReadOnly"] else []), *([propagation] if propagation else [])]
    return _mounted(fields["Source"], fields["Target"], options)


def _mounted(source: str, target: str, options: list[str]) -> dict[str, Any]:
    return {"type": "bind", "source": source, "destination": target, "options": ["rbind", *options]}


def _device(fields: dict[str, str]) -> dict[str, str]:
    return {"path": ":".join((fields["PathOnHost"], fields["PathInContainer"], fields["CgroupPermissions"]))}


def _interfaces(requests: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{"path": device} for request in requests for device in request["DeviceIDs"]]


def _limit(limit: dict[str, Any]) -> dict[str, Any]:
    return {"type": limit["Name"], "soft": limit["Soft"], "hard": limit["Hard"]}


def _resources(host: dict[str, Any]) -> dict[str, Any]:
    limits: dict[str, Any] = {"pids": {"limit": host.pop("PidsLimit")}}
    if "Memory" in host:
        limits["memory"] = {"limit": host.pop("Memory")}
    cpu = {"shares": host.pop("CpuShares")} if "CpuShares" in host else {}
    if "NanoCpus" in host:
        cpu.update(period=_PERIOD, quota=host.pop("NanoCpus") * _PERIOD // _NANO)
    if cpu:
        limits["cpu"] = cpu
    return limits


def _network(mode: str) -> dict[str, Any]:
    if mode in ("default", "bridge", "host"):
        return {"netns": {"nsmode": "host" if mode == "host" else "bridge"}}
    return {"netns": {"nsmode": "bridge"}, "networks": {mode: {}}}


def _security(words: list[str]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name == "label":
            said.setdefault("selinux_opts", []).append(value)
        elif name == "seccomp":
            said["seccomp_profile_path"] = value
        elif word == "no-new-privileges":
            said["no_new_privileges"] = True
        elif word == "systempaths=unconfined":
            said["unmask"] = ["ALL"]
        else:
            raise Untranslatable(word)
    return said
