"""The documents say what the code does: the shipped configuration, the manual pages, the README, the package."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospool_ep import __version__, exit_codes
from ospool_ep.configuration.option import Kind
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.lifecycle.report import summary
from ospool_ep.lifecycle.state import Phase, Pilot, Stage, State
from ospool_ep.pilot.state import PilotState, Pool, Startd
from tests.support.command_line import commands
from tools import documents

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / documents.SHIPPED_FILE).read_text()
CONFIG_PAGE = (ROOT / documents.MANUAL_PAGE).read_text()
COMMAND_PAGE = (ROOT / "man/ospool-ep.8").read_text()
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", documents.DOCUMENTS)
def test_made_from_the_table(path: str) -> None:
    made = documents.DOCUMENTS[path]()
    assert (ROOT / path).read_text() == made, "make it anew: python3 -m tools.documents"


# What follows reads the documents without their generator, which may be wrong, too.


def test_shipped_file_has_each_shipped_key_with_its_default() -> None:
    lines = re.findall(r"^([A-Za-z_0-9]+)=(.*)$", SHIPPED, re.MULTILINE)
    assert sorted(lines) == sorted((option.name, option.default) for option in OPTIONS.values() if option.shipped)


def test_shipped_file_explains_each_key_above_it() -> None:
    for option in OPTIONS.values():
        if option.shipped:
            above = SHIPPED.partition(f"\n{option.name}=")[0].rpartition("\n\n")[2]
            explained = " ".join(line.removeprefix("# ") for line in above.splitlines())
            assert explained.startswith(option.description)
            assert explained.endswith("Required.") == option.required, option.name


def test_manual_page_has_each_key_and_no_other() -> None:
    keys = _section(CONFIG_PAGE, "KEYS")
    assert sorted(re.findall(r"^\.B (.+)$", keys, re.MULTILINE)) == sorted(OPTIONS)


def test_manual_page_names_each_default() -> None:
    for option in OPTIONS.values():
        if option.default and not option.obsolete:
            entry = _section(CONFIG_PAGE, "KEYS").partition(f".B {option.name}\n")[2].partition(".TP")[0]
            assert f"Default: {option.default}." in entry.replace("\\-", "-")


def test_the_words_of_a_choice_are_explained_in_both() -> None:
    choices = [option for option in OPTIONS.values() if option.choices]
    assert choices == [option for option in OPTIONS.values() if option.kind is Kind.CHOICE]
    for option in choices:
        above = SHIPPED.partition(f"\n{option.name}=")[0].rpartition("\n\n")[2]
        assert re.findall(r"^#   ([\w-]+) +(.+)$", above, re.MULTILINE) == list(option.choices)
        entry = _section(CONFIG_PAGE, "KEYS").partition(f".B {option.name}\n")[2].partition(".TP")[0]
        assert re.findall(r"^\.IR ([\w-]+) :\n(.+)$", entry.replace("\\-", "-"), re.MULTILINE) == list(option.choices)


def test_manual_page_has_each_command_and_no_other() -> None:
    names = {name for name in commands() if name != "run"}
    described = re.findall(r"^\.TP\n\.B (\S+)", _section(COMMAND_PAGE, "COMMANDS"), re.MULTILINE)
    assert set(described) == names
    synopsis = re.findall(r"^\.B ospool-ep (\S+)", _section(COMMAND_PAGE, "SYNOPSIS"), re.MULTILINE)
    assert set(synopsis) == names


def test_manual_page_gives_each_command_its_options() -> None:
    synopsis = _section(COMMAND_PAGE, "SYNOPSIS").replace("\\-", "-")
    for name, parser in commands().items():
        usage = synopsis.partition(f".B ospool-ep {name}")[2].partition(".br")[0]
        options = {text for action in parser._actions for text in action.option_strings if text.startswith("--")}
        if name != "run":
            assert set(re.findall(r"--[a-z-]+", usage)) == options - {"--help"}, name


def test_manual_page_has_each_exit_code_and_no_other() -> None:
    codes = {value for name, value in vars(exit_codes).items() if name.isupper()}
    described = re.findall(r"^\.B (\d+)$", _section(COMMAND_PAGE, "EXIT STATUS"), re.MULTILINE)
    assert {int(code) for code in described} == codes


def test_manual_page_explains_each_status_and_no_other() -> None:
    explained = re.findall(r"^\.TP\n\.B (.+)$", _section(COMMAND_PAGE, "STATUS"), re.MULTILINE)
    shown = list(_summaries())
    for heading in explained:
        assert any(text.startswith(heading) for text in shown), heading
    for text in shown:
        assert any(text.startswith(heading) for heading in explained), text


def _summaries() -> Iterator[str]:
    """A summary of each kind."""
    for phase in Phase:
        # The last one is never seen: the process ends with it.
        if phase is not Phase.ENDED:
            if phase is not Phase.RUNNING:
                yield summary(State(phase, since=0.0), 0.0)
            for first, second in itertools.product(Stage, Stage):
                pilots = (Pilot("id", 0.0, stage=first), Pilot("another", 0.0, stage=second))
                yield summary(State(phase, since=0.0, pilots=pilots), 0.0)
    for standing, startd, known in itertools.product(Pool, Startd, (True, False)):
        seen = PilotState(startd=startd, pool=standing, jobs=())
        pilot = Pilot("id", 0.0, state=seen, standing=standing, was_in_pool=known)
        yield summary(State(Phase.RUNNING, since=0.0, pilots=(pilot,)), 0.0)
    yield summary(State(Phase.RUNNING, since=0.0, pilots=(Pilot("id", 0.0, silent_because="It is paused."),)), 0.0)


def test_the_examples_for_many_hosts_name_only_keys_that_exist() -> None:
    examples = ("inventory.yml", "group_vars/ospool_ep/main.yml", "roles/ospool_ep/defaults/main.yml")
    texts = [(ROOT / "packaging/ansible" / name).read_text() for name in examples]
    keys = set(re.findall(r"^ +([A-Z]\w+):", "\n".join(texts), re.MULTILINE))
    assert {"GLIDEIN_Site", "NUM_CPUS"} <= keys <= set(OPTIONS)


_MANUALS = ("man/ospool-ep.8", "man/ospool-ep.cfg.5", "packaging/ansible/README.md")


@pytest.mark.parametrize("name", ["README.md", "HACKING.md", "CHANGELOG.md", *_MANUALS])
def test_documents_name_only_commands_that_exist(name: str) -> None:
    text = (ROOT / name).read_text().replace("\\-", "-")
    # In what is marked as a command: after a prompt, in code, in bold.
    named = re.findall(r"(?:# |`|^\.B |^\.BR \")ospool-ep ([a-z]+)", text, re.MULTILINE)
    assert set(named) <= set(commands()), name


def test_targets_named_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in ("README.md", "HACKING.md", "tools/documents.py"):
        named = re.findall(r"(?:`|^ *|# |\$ )make ([a-z-]+)", (ROOT / name).read_text(), re.MULTILINE)
        assert set(named) <= targets, name


def test_files_named_in_the_documents_exist() -> None:
    text = "\n".join((ROOT / name).read_text() for name in ("README.md", "HACKING.md", "CHANGELOG.md"))
    links = re.findall(r"\]\(([^)#]+)[^)]*\)|^\[[^]]+\]: (\S+)$", text, re.MULTILINE)
    code = re.findall(r"`([A-Za-z_.][\w.-]*/[\w./-]*|[A-Z]+\.md)`", text)
    named = {path for path in [*map("".join, links), *code] if not path.startswith(("https://", "build/"))}
    assert "HACKING.md" in named
    # A module of the package is named without the package and the ending.
    places = ("{}", "ospool_ep/{}", "ospool_ep/{}.py")
    assert not [path for path in named if not any((ROOT / place.format(path)).exists() for place in places)]


def test_hacking_names_each_module_in_its_folder() -> None:
    text = (ROOT / "HACKING.md").read_text()
    rows = re.findall(r"^\| `(\w+)/` \|[^|]+\|([^|]+)\|$", text, re.MULTILINE)
    named = {folder: re.findall(r"`(\w+)`", modules) for folder, modules in rows}
    folders = [path.parent for path in (ROOT / "ospool_ep").glob("*/__init__.py")]
    assert named == {folder.name: sorted(path.stem for path in folder.glob("[!_]*.py")) for folder in folders}


def test_hacking_names_each_layer_of_tests() -> None:
    rows = re.findall(r"^\| `(tests/\w+)` \|", (ROOT / "HACKING.md").read_text(), re.MULTILINE)
    layers = {"/".join(path.relative_to(ROOT).parts[:2]) for path in ROOT.glob("tests/**/test_*.py")}
    assert set(rows) == layers


def test_readme_begins_with_what_an_administrator_does() -> None:
    steps = ["yum install", "ospool-ep.tkn", "GLIDEIN_Site", "systemctl start ospool-ep", "journalctl"]
    places = [README.index(step) for step in [*steps, "make demo", "make test"]]
    assert places == sorted(places)


def test_the_version_is_the_same_everywhere() -> None:
    for page in (CONFIG_PAGE, COMMAND_PAGE):
        assert f'"ospool\\-ep {__version__}"' in page
    spec = (ROOT / "packaging/ospool-ep.spec").read_text()
    assert re.findall(r"^Version: +(.*)$", spec, re.MULTILINE) == [__version__]
    newest = spec.partition("%changelog\n")[2].splitlines()[0]
    assert newest.endswith(f" {__version__}-1")
    assert re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0] == __version__


def _section(page: str, name: str) -> str:
    return page.partition(f".SH {name}\n")[2].partition("\n.SH ")[0]
