"""The playbooks of packaging/ansible, run by the real Ansible of this machine against a host, as a site does it."""

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.host import Host
from tests.world import ROOT

PLAYBOOKS = ROOT / "packaging/ansible"
_HOST = "ep.example.net"
_PASSWORD = "the site's password"  # noqa: S105 - of a vault that lives as long as a test

_COMMAND = "COMMAND"
# In place of ssh: the last argument is the command for the host. A host that is reached by ssh gets it in a line.
_SSH = """#!/usr/bin/python3
import os, shlex, sys
command = [part.replace({1!r}, sys.argv[-1] if part == {1!r} else shlex.quote(sys.argv[-1])) for part in {0!r}]
os.execvp(command[0], command)
"""


@dataclass(frozen=True)
class Played:
    """What became of a run. ``counts``: of the recap, as ok, changed and failed; ``output``: all that it said."""

    code: int
    output: str
    counts: dict[str, int] = field(repr=False)


class Site:
    """A directory with an inventory of one host, and a vault with the token."""

    def __init__(self, directory: Path, host: Host) -> None:
        self._directory = directory
        self._host = host
        self._ssh = directory / "ssh"
        self._ssh.write_text(_SSH.format(host.command("sh", "-c", _COMMAND), _COMMAND))
        self._ssh.chmod(0o755)
        (directory / "password").write_text(_PASSWORD)
        (directory / "group_vars/ospool_ep").mkdir(parents=True)

    def keep_token(self, token: str) -> None:
        """Put it into the vault."""
        vault = self._directory / "group_vars/ospool_ep/vault.yml"
        vault.write_text(f"ospool_ep_token: {json.dumps(token)}\n")
        self._run("ansible-vault", "encrypt", str(vault))

    def play(self, playbook: str, *options: str, **variables: Any) -> Played:
        """Run one of the playbooks with these variables of the host's."""
        connection = {"ansible_ssh_executable": str(self._ssh), "ansible_become": False}
        inventory = self._directory / "inventory.json"
        inventory.write_text(json.dumps({"ospool_ep": {"hosts": {_HOST: {**connection, **variables}}}}))
        done = self._run("ansible-playbook", f"--inventory={inventory}", str(PLAYBOOKS / playbook), *options)
        recap = re.search(rf"^{re.escape(_HOST)} +:(.*)$", done.stdout, re.MULTILINE)
        counts = {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", recap[1] if recap else "")}
        return Played(done.returncode, done.stdout + done.stderr, counts)

    def _run(self, command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": str(self._directory),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(self._directory / "password"),
            "ANSIBLE_SSH_TRANSFER_METHOD": "piped",
            # One command for a task, and not five: docker exec takes longer than a module.
            "ANSIBLE_PIPELINING": "true",
            # Where a host forgets it with its boot.
            "ANSIBLE_REMOTE_TMP": "/tmp/ansible",  # noqa: S108
        }
        done = [command, *arguments]
        return subprocess.run(
            done, env=environment, cwd=self._directory, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=300 * self._host.patience, check=False,
        )  # fmt: skip
