"""An endpoint under test: a host with the package installed and a pool to join, and what its administrator does."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ospool_ep.configuration.options import DEFAULT_IMAGE
from ospool_ep.container.specification import FINGERPRINT_LABEL
from ospool_ep.this_service import ServiceName
from tests.support.host import Host, JournalEntry
from tests.support.pool import Pool
from tests.support.tokens import Token, make_token
from tests.support.waiting import wait_until
from tests.world.images import FIRST_PILOT, MANAGER, REGISTRY

SERVICE = "ospool-ep.service"
CONTAINER = "ospool-ep-container"
CONFIG = "/etc/osg/ospool-ep.cfg"
TOKEN = "/etc/osg/ospool-ep.tkn"  # noqa: S105 - where it lies, not what it says
_AS_INSTALLED = "/var/lib/as-installed"

T = TypeVar("T")

# What systemd says, as patterns, of a start that failed, and of a main process that was killed.
FAILED_START = (r"ospool-ep\.service: Failed with result 'exit-code'", r"Failed to start ospool-ep\.service")
KILLED = (r"ospool-ep\.service: Main process exited, code=killed", r"ospool-ep\.service: Failed with result 'signal'")


@dataclass
class Expectations:
    """What a test expects to be wrong at its end. ``messages``: regular expressions found in warnings and errors."""

    failed_units: set[str] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Endpoint:
    """The host, its pool, and the commands of an administrator. ``began``: where its journal ended before that.

    ``service`` is the one of the host's services that they are about.
    """

    host: Host
    pool: Pool
    began: str = ""
    expected: Expectations = field(default_factory=Expectations)
    service: ServiceName = field(default_factory=ServiceName)

    def instance(self, name: str) -> "Endpoint":
        """The service ospool-ep@NAME of the same host."""
        return replace(self, service=ServiceName(name))

    @property
    def config(self) -> str:
        """The service's own configuration file."""
        return self.service.own_file(CONFIG) or CONFIG

    def command(self, command: str, *more: str) -> list[str]:
        """That command of ``ospool-ep`` for this service."""
        return [*self.service.command(command).split(), *more]

    def expect_message(self, *patterns: str) -> None:
        """Each of these is found in a warning or error of the journal when the test has ended."""
        self.expected.messages += patterns

    def expect_failure(self, unit: str = SERVICE) -> None:
        """That unit has failed when the test has ended."""
        self.expected.failed_units.add(unit)

    def wait_until(self, condition: Callable[[], T], what: str, seconds: float = 30, pause: float = 0.1) -> T:
        """Wait as long as things take on this host, and ask as seldom as it is slow."""
        return wait_until(condition, what, seconds * self.host.patience, pause * self.host.patience)

    def configure(self, **values: str) -> None:
        """Set keys in the configuration file, each in its line or in a new one at the end."""
        text = self.host.run(["cat", self.config]).stdout
        for key, value in values.items():
            line = f"{key}={value}"
            text, found = re.subn(rf"^{key}=.*$", lambda _, line=line: line, text, flags=re.MULTILINE)  # type: ignore[misc]
            text += "" if found else f"{line}\n"
        self.host.write(self.config, text)

    def put_token(self, kind: Token = Token.GOOD, *, mode: int = 0o400, owner: str = "1000:1000") -> None:
        """Put a token in place."""
        self.host.write(TOKEN, make_token(kind), mode, owner)

    def set_up(self, token: Token = Token.GOOD, **values: str) -> None:
        """What the README tells an administrator to do before the start; ``values`` are more keys."""
        self.put_token(token)
        self.configure(GLIDEIN_Site="Example-Site", GLIDEIN_ResourceName="Example-Resource", **values)

    def start(self) -> None:
        """Start the service. CommandFailed, with what systemctl says, when it does not come up."""
        self.host.do("systemctl", "start", self.service.unit)

    def stop(self) -> None:
        """Stop the service."""
        self.host.do("systemctl", "stop", self.service.unit, timeout=240)

    def kill(self) -> None:
        """Kill the main process without warning, and wait until the next one is up."""
        before = self.property("MainPID")
        self.host.do("systemctl", "kill", "--signal=KILL", "--kill-whom=main", self.service.unit)
        self.wait_until(lambda: self.property("MainPID") not in ("0", before), "the next process", 30)
        self.wait_until_active()

    def wait_until_active(self, seconds: float = 30) -> None:
        """Wait until systemd says that the service is up."""
        self.wait_until(lambda: self.property("ActiveState") == "active", "the service is active", seconds)

    def container_id(self) -> str:
        """The id of the container of our name; empty while there is none."""
        return self.host.try_docker(
            "container", "inspect", "--format={{.Id}}", self.service.container_name
        ).stdout.strip()

    def status(self) -> dict[str, Any]:
        """The service's own report."""
        report: dict[str, Any] = json.loads(self.host.run(self.command("status", "--json")).stdout)
        return report

    def pilots(self) -> list[dict[str, Any]]:
        """The pilots in the service's report, the oldest first."""
        found: list[dict[str, Any]] = self.status()["pilots"]
        return found

    def pilot(self) -> dict[str, Any]:
        """The open one of them, else the newest; empty where there is none."""
        pilots = self.pilots()
        return next((pilot for pilot in pilots if pilot["stage"] == "open"), pilots[-1] if pilots else {})

    def property(self, name: str) -> str:
        """What systemd says of the service: ActiveState, StatusText, …"""
        return self.host.do("systemctl", "show", f"--property={name}", "--value", self.service.unit).strip()

    def wait_for_summary(self, text: str, seconds: float = 60) -> None:
        """Wait until the summary of the status contains that text."""

        def summary() -> str:
            return self.property("StatusText")

        self.wait_until(lambda: text in summary(), f"status “{text}”; it is “{summary()}”", seconds)

    def journal(self, after: str = "") -> list[JournalEntry]:
        """What an operator reads with ``journalctl -u ospool-ep``, since the test began or after a later cursor."""
        return self.host.journal(after=after or self.began, unit=self.service.unit)

    def remember_installed(self) -> None:
        """Note what the package installed in /etc, for ``reset``."""
        self.host.do("cp", "--archive", "/etc/osg", _AS_INSTALLED)

    def offer_image(self, source: str, target: str = DEFAULT_IMAGE) -> None:
        """Let the registry hand out, from now on, one image of a repository under the tag of another one, too."""
        name = source.partition("/")[2].rpartition(":")[0]
        tags = [image.rpartition(":")[2] for image in (source, target)]
        self.host.do("python3", "-c", _COPY_MANIFEST, f"http://{REGISTRY}/v2/{name}/manifests", *tags)

    def reset(self, *, keep_images: bool = False) -> None:
        """Put the host back to where the package was just installed and nothing was done yet, or but for the images."""
        script = _RESET if keep_images else _RESET + _FORGET_IMAGES
        self.host.shell(script, *self.host.engine.started_by, timeout=300)
        self.offer_image(FIRST_PILOT)


_RESET = f"""
systemctl stop {SERVICE} 'ospool-ep@*.service' || systemctl kill --signal=KILL {SERVICE} 'ospool-ep@*.service'
rm -rf /etc/systemd/system/ospool-ep*.d /etc/osg /var/lib/ospool-ep /var/lib/ospool-ep@*
cp --archive {_AS_INSTALLED} /etc/osg
systemctl daemon-reload
systemctl reset-failed
systemctl start "$@" docker-registry.service
docker rm --force --volumes {CONTAINER} $(docker ps --all --quiet --filter label={FINGERPRINT_LABEL}) \\
    >/dev/null 2>&1 || true
docker image prune --force >/dev/null
"""

# Docker refuses an image that another one was built on, and which of them comes first is a matter of luck.
_FORGET_IMAGES = f"""
images() {{
    docker image ls --format '{{{{.ID}}}} {{{{.Repository}}}}:{{{{.Tag}}}}' \\
        | grep -v ' {MANAGER}$' | cut -d ' ' -f 1 | sort -u
}}
for try in 1 2 3; do
    [ -z "$(images)" ] || docker image rm --force $(images) >/dev/null 2>&1 || true
done
[ -z "$(images)" ] || docker image rm --force $(images) >/dev/null
"""

_COPY_MANIFEST = """
import sys, urllib.request
manifests, source, target = sys.argv[1:]
kinds = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
request = urllib.request.Request(f"{manifests}/{source}", headers={"Accept": kinds})
answer = urllib.request.urlopen(request)
headers = {"Content-Type": answer.headers["Content-Type"]}
put = urllib.request.Request(f"{manifests}/{target}", answer.read(), headers, method="PUT")
urllib.request.urlopen(put)
"""
