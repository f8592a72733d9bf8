"""A unit whose name is no service's: one line in the journal, with what to type, and no further start."""

import pytest

from ospool_ep import cli, exit_codes
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.system.journal import Journal


@pytest.fixture(autouse=True)
def belongs_to_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command becomes a test is no more afterwards."""
    monkeypatch.setenv("OSPOOL_EP_INSTANCE", "")


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        (r"a\x2db", r"systemctl disable 'ospool-ep@a\x2db'; systemctl enable --now ospool-ep@a-b"),
        (r"srv\x2fdata", r"systemctl disable 'ospool-ep@srv\x2fdata'; systemctl enable --now ospool-ep@NAME"),
        ("a:b", "systemctl disable ospool-ep@a:b; systemctl enable --now ospool-ep@NAME"),
        ("-x", "systemctl disable ospool-ep@-x; systemctl enable --now ospool-ep@NAME"),
        ("", "systemctl disable ospool-ep@; systemctl enable --now ospool-ep@NAME"),
        ("x" * 41, f"systemctl disable ospool-ep@{'x' * 41}; systemctl enable --now ospool-ep@NAME"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--after-crash"]])
def test_it_ends_with_78_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, mend: str, more: list[str]
) -> None:
    said: list[tuple[Priority, str]] = []
    monkeypatch.setattr(Journal, "say", lambda _self, priority, text: said.append((priority, text)))
    assert cli.main(["run", f"--instance={name}", *more]) == exit_codes.CONFIG
    ((priority, text),) = said
    assert priority is Priority.ERROR
    assert text.endswith(f"Mend it: {mend}")
    assert "\n" not in text
    assert capsys.readouterr() == ("", "")
