"""What a message has a person type names the service that it is about, and not always ospool-ep itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import commands

PACKAGE = Path(__file__).parents[2] / "ospool_ep"
# A command as it is typed, or a unit, a journal or a container. What a command says begins with its name and a colon.
_FIXED = re.compile(
    rf"ospool-ep ({'|'.join(commands())})\b(?! --all| --instance NAME|: | --then (reboot|poweroff|\{{\}}))"
    r"|\b(systemctl|journalctl)\b[^.;]* ospool-ep(?!-|\w)|\bservice ospool-ep(?!-|@|\w)"
    r"|\bospool-ep(\.service|-container)"
)
# Where a text is right for all: what the options and keys do, the names themselves, what a pilot of an
# earlier release is compared with, and who pulls an image.
_FOR_ALL = {
    ("cli.py", "Manual pages: ospool-ep(8), ospool-ep.cfg(5). The log: journalctl -u ospool-ep"),
    ("this_service.py", "ospool-ep-container"),
    ("container/fingerprint.py", "ospool-ep-container"),
    ("system/image_store.py", "ospool-ep update"),
    # All services drain for a reboot, and none of them is named where that is taken back.
    (
        "commands/drain_of_host.py",
        "Nothing to drain: no service ospool-ep runs here. The host goes down with: systemctl {}",
    ),
    ("commands/drain_of_host.py", "ospool-ep resume"),
    ("lifecycle/host_down.py", "The host stays up meanwhile: {} To take it back: ospool-ep resume"),
    ("lifecycle/report.py", "Drained, and the host {} later: {} Take it back: ospool-ep resume"),
    # What is to be typed is about ospool-ep itself, or about one of several.
    (
        "checks/services_together.py",
        "systemctl disable --now ospool-ep (while it has jobs, first: ospool-ep drain --then stop)",
    ),
    ("checks/services_together.py", "{} at another service: ospool-ep check --instance NAME"),
}


def texts(path: Path) -> Iterator[str]:
    """The texts of a module that are no docstrings; of what is filled in, only that it is there."""
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree))
    spoken_to_readers = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spoken_to_readers | parts:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_message_has_a_fixed_name_of_the_service(path: Path) -> None:
    name = str(path.relative_to(PACKAGE))
    if name != "configuration/options.py":
        assert not [text for text in texts(path) if _FIXED.search(text) and (name, text) not in _FOR_ALL]


def test_what_is_excepted_is_there() -> None:
    for name, text in _FOR_ALL:
        assert text in set(texts(PACKAGE / name))


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("Watch: ospool-ep status", True),
        ("Watch: ospool-ep status --all", False),
        ("ospool-ep check: {}", False),
        ("run 'systemctl start ospool-ep'", True),
        ("systemctl status ospool-ep-image", False),
        ("journalctl -u ospool-ep", True),
        ("The service ospool-ep does not run", True),
        ("the service ospool-ep@NAME", False),
        ("rm -f ospool-ep-container", True),
    ],
)
def test_a_fixed_name_is_found(text: str, fixed: bool) -> None:
    assert bool(_FIXED.search(text)) is fixed
