"""A plain unit around ``docker run`` with the flags of the package before 25.1.0: what ours is measured against.

Its texts are those that the tests of an upgrade install; it uses the same configuration file and container name.
"""

from pathlib import Path

from tests.package.packages import LEGACY
from tests.support.host import Host

UNIT = "plain-ep.service"
SCRIPT = "/usr/local/sbin/start_ospool_ep_container.sh"


def install(host: Host) -> None:
    """Put the unit and its script in place, or in place of the ones there, as rpm does: the running ones stay open."""
    unit = (LEGACY / "ospool-ep.service").read_text().replace("/usr/sbin", "/usr/local/sbin")
    host.write(f"{SCRIPT}.new", (LEGACY / Path(SCRIPT).name).read_text(), 0o755)
    host.write(f"/etc/systemd/system/{UNIT}.new", unit)
    for path in (SCRIPT, f"/etc/systemd/system/{UNIT}"):
        host.do("mv", f"{path}.new", path)
    host.do("systemctl", "daemon-reload")
