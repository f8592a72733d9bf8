"""A plain unit around ``docker run`` with the flags of the package before 25.1.0: what ours is measured against.

Its texts are those that the tests of an upgrade install; it uses the same configuration file and container name.
"""

from tests.package.packages import LEGACY
from tests.support.host import Host

UNIT = "plain-ep.service"
_SCRIPT = "start_ospool_ep_container.sh"
_TARGET = f"/usr/local/sbin/{_SCRIPT}"


def install(host: Host) -> None:
    """Put the unit and its script in place, or in place of the ones there, as rpm does: the running ones stay open."""
    unit = (LEGACY / "ospool-ep.service").read_text().replace(f"/usr/sbin/{_SCRIPT}", _TARGET)
    host.write(f"{_TARGET}.new", (LEGACY / _SCRIPT).read_text(), 0o755)
    host.write(f"/etc/systemd/system/{UNIT}.new", unit)
    for path in (_TARGET, f"/etc/systemd/system/{UNIT}"):
        host.do("mv", f"{path}.new", path)
    host.do("systemctl", "daemon-reload")
