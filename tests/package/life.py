"""What an administrator does with the package, and how the host is looked at."""

import re
from pathlib import Path

from ospool_ep.container.specification import FINGERPRINT_LABEL
from tests.support.endpoint import CONFIG, CONTAINER, SERVICE, Endpoint
from tests.support.host import Host
from tests.support.pool import Pool
from tests.support.waiting import wait_until

# What changes by itself, or belongs to the engine, the package manager or the journal.
_NOT_OURS = (
    "/proc", "/sys", "/dev", "/run", "/tmp", "/srv", "/var/log", "/var/cache", "/var/tmp", "/var/lib/dnf",  # noqa: S108
    "/var/lib/rpm", "/var/lib/docker", "/var/lib/docker-registry", "/var/lib/containers", "/var/lib/containerd",
    "/usr/lib/sysimage", "/etc/docker/key.json",
)  # fmt: skip


def install(host: Host, path: Path) -> None:
    """Install a package with dnf, or upgrade to it."""
    host.publish_packages([path])
    command = "upgrade" if host.run(["rpm", "--query", "--quiet", "ospool-ep"]).returncode == 0 else "install"
    host.do("dnf", "--assumeyes", "--quiet", command, "ospool-ep")


def remove(host: Host) -> None:
    """Remove it with dnf, which stops the service."""
    host.do("dnf", "--assumeyes", "--quiet", "remove", "ospool-ep", timeout=240)


def clean(host: Host) -> None:
    """Remove the package, if it is there, and then what the administrator of a test has made."""
    if host.run(["rpm", "--query", "--quiet", "ospool-ep"]).returncode == 0:
        remove(host)
    host.do("sh", "-ec", _CLEAN)


_CLEAN = f"""
rm -rf /etc/osg /etc/systemd/system/{SERVICE}.d /var/lib/ospool-ep@*
systemctl daemon-reload
systemctl reset-failed
docker rm --force --volumes {CONTAINER} $(docker ps --all --quiet --filter label={FINGERPRINT_LABEL}) \\
    >/dev/null 2>&1 || true
"""


def set_up(host: Host) -> str:
    """Put a token in place and fill in the two names; returns the text of the edited configuration."""
    Endpoint(host, Pool(host.run)).set_up()
    text = host.read(CONFIG) + "# A note of the administrator\n"
    host.write(CONFIG, text)
    return text


def start(host: Host, *command: str) -> tuple[str, str]:
    """Start the service, by ``systemctl start`` or that command; returns what ``running`` does."""
    host.do(*(command or ("systemctl", "start", SERVICE)))
    # Its first process ignores SIGTERM until HTCondor runs.
    wait_until(lambda: "condor_startd" in host.run(["docker", "top", CONTAINER]).stdout, "HTCondor runs", 60)
    return running(host)


def running(host: Host) -> tuple[str, str]:
    """The main process of the service and the id of the pilot's container; empty where there is none."""
    pid = host.do("systemctl", "show", "--property=MainPID", "--value", SERVICE).strip()
    container = host.do("docker", "container", "ls", "--no-trunc", "--quiet", f"--filter=name=^{CONTAINER}$").strip()
    return "" if pid == "0" else pid, container


def enabled(host: Host, unit: str) -> str:
    """What systemctl says: enabled, disabled, …"""
    return host.run(["systemctl", "is-enabled", unit]).stdout.strip()


def files(host: Host) -> set[str]:
    """All files and directories of the host that do not change by themselves."""
    prune = " -o ".join(f"-path {path}" for path in _NOT_OURS)
    listing = host.do("sh", "-c", f"find / \\( {prune} \\) -prune -o -print")
    # Python compiles what belongs to Debian when it is first used.
    return {path for path in listing.splitlines() if not re.match(r"/usr/lib/python3.*/__pycache__", path)}
