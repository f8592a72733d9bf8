"""The smallest service in Python, in the sandbox of ours: it starts the very same container, and checks nothing.

No service in Python that does more can start its pilot sooner; so this is the bound for ours.
"""

import re

from tests.support.endpoint import CONTAINER, SERVICE
from tests.support.host import Host

UNIT = "least-ep.service"
BODY = "/root/floor.json"
_PROGRAM = "/root/least.py"

_TEXT = f"""\
import socket, sys
def ask(method, path, body=b""):
    engine = socket.socket(socket.AF_UNIX)
    engine.connect("/run/docker.sock")
    head = b"%s %s HTTP/1.0\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"
    engine.sendall(head % (method, path, len(body)) + body)
    while chunk := engine.recv(65536):
        if b"supervisord started" in chunk:
            print("supervisord started", flush=True)
ask(b"POST", b"/containers/create?name={CONTAINER}", open("{BODY}", "rb").read())
ask(b"POST", b"/containers/{CONTAINER}/start")
ask(b"GET", b"/containers/{CONTAINER}/logs?stdout=1&stderr=1&follow=1")
"""

# Of the unit of ours, what makes its sandbox.
_SANDBOX = re.compile(
    r"^(?:Capability|NoNew|Private|Restrict|IPAddress|Device|Protect|Lock|MemoryDeny|Keyring|SystemCall)\w*=.*$",
    re.MULTILINE,
)


def install(host: Host) -> None:
    """Put the unit and its program in place; BODY is read when it starts."""
    sandbox = _SANDBOX.findall(host.do("systemctl", "cat", SERVICE))
    assert len(sandbox) > 20, sandbox
    host.write(_PROGRAM, _TEXT)
    lines = ["[Service]", f"ExecStart=/usr/bin/python3 -IB {_PROGRAM}", *sandbox]
    host.write(f"/etc/systemd/system/{UNIT}", "\n".join(lines) + "\n")
    host.do("systemctl", "daemon-reload")
