"""A container image's reference: where it is, and which one.

Source: the grammar in github.com/distribution/reference (reference.go, regexp.go), and its normalize.go for what is
taken as the registry; sizes of digests from github.com/opencontainers/go-digest.
"""

import re
from dataclasses import dataclass

DEFAULT_REGISTRY = "docker.io"

_REGISTRY = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
)
_REPOSITORY_PART = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_IDENTIFIER = re.compile(r"[0-9a-f]{64}")

_LONGEST_REPOSITORY = 255


class InvalidReference(ValueError):
    """The text is no reference; the message says which part is wrong, and how it should be."""


@dataclass(frozen=True)
class ImageReference:
    """A reference in full. ``tag`` or ``digest`` may be empty, or both; then an engine takes the tag "latest"."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def pinned(self) -> bool:
        """Whether it names one image for ever, and not the one that has its tag at the time."""
        return bool(self.digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def parse(text: str) -> ImageReference:
    """Read ``[REGISTRY/]REPOSITORY[:TAG][@DIGEST]``. Raises InvalidReference."""
    if "://" in text:
        raise InvalidReference("A reference has no scheme like https:// before it.")
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise InvalidReference("What follows the @ is no digest, like sha256: and 64 hexadecimal digits.")
    registry, rest = _split_registry(rest)
    if not _REGISTRY.fullmatch(registry):
        raise InvalidReference("What stands before the first / is no HOST or HOST:PORT.")
    repository, colon, tag = rest.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise InvalidReference("The tag, behind the :, has up to 128 letters, digits, _ . and -.")
    _check_repository(repository)
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = f"library/{repository}"
    return ImageReference(registry, repository, tag, digest)


def _split_registry(name: str) -> tuple[str, str]:
    """The first part is a registry where it can't be a part of Docker Hub's repositories; else Docker Hub is meant."""
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or first != first.lower() or "." in first or ":" in first):
        return (DEFAULT_REGISTRY if first == "index.docker.io" else first), rest
    return DEFAULT_REGISTRY, name


def _check_repository(repository: str) -> None:
    if not repository:
        raise InvalidReference("The name of the image is missing.")
    if repository != repository.lower():
        raise InvalidReference("The name of an image has no capital letters.")
    if not all(_REPOSITORY_PART.fullmatch(part) for part in repository.split("/")):
        raise InvalidReference(
            "The name of an image has small letters and digits, with single . _ - or / between them."
        )
    if len(repository) > _LONGEST_REPOSITORY:
        raise InvalidReference(f"The name of an image has at most {_LONGEST_REPOSITORY} characters.")
    if _IDENTIFIER.fullmatch(repository):
        raise InvalidReference("This is the id of an image; an image is pulled by its name.")
