"""Docker's setting by which containers go on while it is away."""

import json

from tests.support.host import Host

_DAEMON = "/etc/docker/daemon.json"


def set_live_restore(host: Host, on: bool) -> None:
    """Switch it on or off; Docker goes on meanwhile."""
    host.write(_DAEMON, json.dumps({**json.loads(host.read(_DAEMON)), "live-restore": on}))
    host.do("systemctl", "reload", "docker.service")
