"""The playbooks of packaging/ansible, run by the real Ansible of this machine against a host, as a site does it."""

import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.host import Host
from tests.world import ROOT

PLAYBOOKS = ROOT / "packaging/ansible"
_HOST = "ep.example.net"
_PASSWORD = "the site's password"  # noqa: S105 - of a vault that lives as long as a test


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
        # Ansible calls it as it calls ssh: the command for the host is the last argument.
        command = shlex.join(host.command("sh", "-c"))
        self._ssh.write_text(f'#!/bin/sh\nfor last; do :; done\nexec {command} "$last"\n')
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
            # Where a host forgets it with its boot.
            "ANSIBLE_REMOTE_TMP": "/tmp/ansible",  # noqa: S108
        }
        done = [command, *arguments]
        return subprocess.run(
            done, env=environment, cwd=self._directory, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=300 * self._host.patience, check=False,
        )  # fmt: skip
