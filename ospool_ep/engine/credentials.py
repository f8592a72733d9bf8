"""The credentials for a registry, from the files in which Docker's and Podman's own commands keep those of root.

Docker's service reads no such file: a pull brings what it needs. Podman's reads them itself, but not the one of root's
login session; and a broken one keeps it from pulling even what is public. So both get what is found here.
Sources: docs.docker.com/reference/cli/docker/login; containers-auth.json(5); Podman's pkg/auth, which takes the header
X-Registry-Auth as the credentials for one registry, as Docker does, or as those for each of several.
"""

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ospool_ep.configuration.image_reference import DEFAULT_REGISTRY, ImageReference
from ospool_ep.wording import printable

# Docker Hub's name in the files of both: one that was a URL when there was no other registry yet.
_DOCKER_HUB = "https://index.docker.io/v1/"
_DOCKER_HUB_HOSTS = ("docker.io", "index.docker.io", "registry-1.docker.io")

_DOCKERS = "root/.docker/config.json"
# Where they are, in the order in which they are looked at, which is Podman's own. `podman login` writes the first where
# root has a login session, which ends with that; else the second, which ends with the next boot.
FILES = {
    "docker": (_DOCKERS,),
    "podman": (
        "run/user/0/containers/auth.json",
        "run/containers/0/auth.json",
        "root/.config/containers/auth.json",
        _DOCKERS,
    ),
}
# By a name that never exists (RFC 2606), Podman learns that the files are not to be read: of none at all, Podman 4
# would read them.
_NOBODY = {"nobody.invalid": {"username": "nobody", "password": "nobody"}}
_HELPER_SECONDS = 20


class _Broken(Exception):
    """A file, or an entry in it, is of no use; the text says which, and why, and holds no secret."""


class _Refused(_Broken):
    """The program that a file names gave no answer; the text says how to try it."""


@dataclass(frozen=True)
class Credentials:
    """What an engine is to send to a registry. ``header`` is X-Registry-Auth's content, None for none.

    ``problem``: a sentence about a file that could not be used, and how to mend it; empty where all is well.
    """

    header: Optional[dict[str, Any]] = field(default=None, repr=False)
    problem: str = ""


def login_command(kind: str, registry: str) -> str:
    """The command that gives that engine access to a registry, for more than until the next boot."""
    return f"docker login {registry}" if kind == "docker" else f"podman login --authfile=/{FILES[kind][2]} {registry}"


def find(image: ImageReference, kind: str, root: str = "/") -> Credentials:
    """The credentials that an engine of that kind needs for that image: those of the first file that has some.

    In it, the entry that names the image's repository, or most of its path, goes before that of the whole registry.
    ``root``: the directory that holds the host's files.
    """
    problems = []
    for name in FILES[kind]:
        path = Path(root, name)
        try:
            login = _login(path, image, kind)
        except _Refused as refused:
            problems.append(str(refused))
            continue
        except _Broken as broken:
            problems.append(f"{broken} Remove it, and log in again: `{login_command(kind, image.registry)}`.")
            continue
        if login:
            return Credentials(login, " ".join(problems))
    return Credentials(_NOBODY if problems and kind == "podman" else None, " ".join(problems))


def _login(path: Path, image: ImageReference, kind: str) -> Optional[dict[str, Any]]:
    """The header's content as that file has it for the image, if it has."""
    settings = _read(path, kind)
    # Podman's service, which nothing keeps from the network and from root's home, asks such a program itself.
    helped = _ask_program(settings, image, path) if kind == "docker" else None
    if helped:
        return helped
    for place in _places(image):
        for key, entry in _entries(settings, path).items():
            if _place(key) == place:
                found = _decode(entry, f"{path}: the entry of {printable(key)}")
                if found and kind == "docker":
                    return {**found, "serveraddress": key}
                # Podman takes no token from the header, and finds that itself.
                if "username" in found:
                    return {place: found}
    return None


def _read(path: Path, kind: str) -> Mapping[str, Any]:
    try:
        # To Docker an empty file says nothing; to Podman it is broken.
        content = json.loads(path.read_bytes() or (b"{}" if kind == "docker" else b""))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _Broken(f"{path} cannot be read: {error.strerror}.") from error
    except json.JSONDecodeError as error:
        raise _Broken(f"{path} is no JSON (line {error.lineno}).") from error
    except (ValueError, RecursionError) as error:
        raise _Broken(f"{path} is no JSON.") from error
    return _must_be_object(content, str(path))


def _entries(settings: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    return _must_be_object(settings.get("auths") or {}, f'{path}: "auths"')


def _must_be_object(content: object, what: str) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise _Broken(f"{what} is no JSON object.")
    return content


def _places(image: ImageReference) -> Iterator[str]:
    """What an entry for the image can be for: its repository, each part of the path to that, its registry."""
    parts = [image.registry, *image.repository.split("/")]
    for count in range(len(parts), 0, -1):
        yield "/".join(parts[:count])


def _place(key: str) -> str:
    """What an entry is for. One that is a URL is for the whole registry, whichever path it has."""
    _, separator, rest = key.rpartition("://")
    host, slash, path = rest.partition("/")
    host = DEFAULT_REGISTRY if host in _DOCKER_HUB_HOSTS else host
    return host if separator or not path.strip("/") else f"{host}{slash}{path.rstrip('/')}"


def _decode(entry: object, what: str) -> dict[str, str]:
    """What one entry says; nothing where a program keeps what belongs there."""
    content = _must_be_object(entry, what)
    if content.get("identitytoken"):
        return {"identitytoken": str(content["identitytoken"])}
    try:
        name, colon, password = base64.b64decode(content.get("auth") or b"", validate=True).decode().partition(":")
    except (TypeError, ValueError) as error:
        raise _Broken(f'{what} has no "auth" that can be read.') from error
    # Docker's command of old has filled the bytes up.
    return {"username": name, "password": password.rstrip("\0")} if colon else {}


def _ask_program(settings: Mapping[str, Any], image: ImageReference, path: Path) -> Optional[dict[str, Any]]:
    """What the program says that the file names for this registry, or for all. Source: docker-credential-helpers."""
    server = _DOCKER_HUB if image.registry == DEFAULT_REGISTRY else image.registry
    helpers = _must_be_object(settings.get("credHelpers") or {}, f'{path}: "credHelpers"')
    program = helpers.get(server) or settings.get("credsStore")
    if not program:
        return None
    command = f"docker-credential-{program}"
    try:
        done = subprocess.run(
            [command, "get"], input=server.encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": "/root"}, timeout=_HELPER_SECONDS, check=False,
        )  # fmt: skip
        if b"credentials not found" in done.stdout:
            return None
        said = _must_be_object(json.loads(done.stdout), command)
        name, secret = str(said["Username"]), str(said["Secret"])
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired, _Broken):
        told = f"{path} names {printable(command)}, which gave no credentials for {server}."
        alone = "The units have no network, and the timer's sees no other file of root's home."
        raise _Refused(f"{told} {alone} Try it: `echo {server} | {printable(command)} get`.") from None
    if name == "<token>":
        return {"identitytoken": secret, "serveraddress": server}
    return {"username": name, "password": secret, "serveraddress": server}
