"""A real file system in user space on a test host, that can be made to hang and to die as cvmfs2 does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import fuse_server
from tests.support.endpoint import Endpoint
from tests.support.host import Host

TOP = "/cvmfs"
REPOSITORY = f"{TOP}/config-osg.opensciencegrid.org"
FILE = f"{REPOSITORY}/{fuse_server.NAME.decode()}"
CONTENT = fuse_server.CONTENT.decode()
_PROGRAM = "/run/fuse_server.py"
_PID = "/run/fuse_server.pid"
# Where SELinux enforces its policy, it may do as root in a shell may, which a unit may not.
_SERVE = 'setsid python3 "$1" "$2" </dev/null >/run/fuse_server.log 2>&1 & echo $! >"$3"'


class Repository:
    """The repository that a pilot looks for. A process of its own serves it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._host: Host = endpoint.host
        self._endpoint = endpoint
        self._host.write(_PROGRAM, Path(fuse_server.__file__).read_text(encoding="utf-8"))

    def mount(self) -> None:
        """Mount it, and wait until it answers."""
        self._host.do("sh", "-c", _SERVE, "serve", _PROGRAM, REPOSITORY, _PID)
        self._endpoint.wait_until(lambda: self._host.run(["test", "-e", FILE]).returncode == 0, "it is mounted", 20)

    def hang(self) -> None:
        """It answers no more."""
        self._signal("STOP")

    def die(self) -> None:
        """Its process is gone, and its mount is there."""
        self._signal("KILL")

    def unmount(self) -> None:
        """Nothing is left of it, as far as it is there."""
        self._host.do("sh", "-c", f"kill -KILL $(cat {_PID}); umount --lazy {REPOSITORY}; rm -f {_PID}")

    def _signal(self, name: str) -> None:
        self._host.do("sh", "-c", f"kill -{name} $(cat {_PID})")


@contextmanager
def cvmfs(endpoint: Endpoint) -> Iterator[Repository]:
    """A host on which /cvmfs is there, and nothing in it yet."""
    repository = Repository(endpoint)
    endpoint.host.do("mkdir", "--parents", TOP)
    try:
        yield repository
    finally:
        repository.unmount()
        endpoint.host.do("rm", "-rf", "--one-file-system", TOP)
