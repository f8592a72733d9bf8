"""The code is clean, its modules are short, and they import each other in one direction."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import commands

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ospool_ep"
# By the name that a module is imported by, without the package's own.
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}

# Folders that touch nothing of the world.
PURE_FOLDERS = ("configuration", "container", "pilot", "lifecycle")
PURE = sorted(module for module in MODULES if module.partition(".")[0] in (*PURE_FOLDERS, "wording", "exit_codes"))

# Each library from outside, and the only modules that import it.
LIBRARIES = {
    "docker": {"engine.registry"},
    "requests": {"engine.registry"},  # the errors that the Docker SDK lets through,
    "urllib3": {"engine.registry"},  # and those that requests lets through
    "dotenv": {"configuration.environment_file"},
    "jwt": {"checks.token_text"},
    "systemd": {"system.systemd"},
}

# What a module needs that does something, or waits for something, or reads the world.
EFFECTS = {
    "ctypes", "fcntl", "multiprocessing", "os", "pathlib", "queue", "random", "select", "shutil", "signal", "socket",
    "subprocess", "tempfile", "threading",
}  # fmt: skip
# But one of the pure folders reads a file: the configuration.
READS_A_FILE = {"configuration.reading": {"os"}}


def must_succeed(*command: str) -> None:
    """Run a command; the test fails with all that it says."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"{done.stdout}{done.stderr}", pytrace=False)


def tool(name: str) -> str:
    """A program of the virtual environment."""
    return str(Path(sys.executable).with_name(name))


def functions(module: str) -> set[str]:
    """The names of a module's own functions."""
    return {node.name for node in ast.parse(MODULES[module].read_text()).body if isinstance(node, ast.FunctionDef)}


def test_what_is_called_in_a_process_of_its_own_is_there() -> None:
    """No tool follows a call by name."""
    nodes = [node for path in MODULES.values() for node in ast.walk(ast.parse(path.read_text()))]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    called = [text.split(":") for text in texts if re.fullmatch(r"[a-z_]+\.[a-z_]+:[a-z_]+", text)]
    assert ["service.helper_calls", "read_to_start"] in called
    for module, function in called:
        assert function in functions(module), (module, function)


@pytest.mark.parametrize("command", sorted(commands()))
def test_each_command_has_its_module(command: str) -> None:
    assert "run" in functions(f"commands.{command}")


def test_ruff_finds_nothing() -> None:
    must_succeed(tool("ruff"), "check", ".")


def test_the_code_is_formatted() -> None:
    must_succeed(tool("ruff"), "format", "--check", ".")


def test_mypy_finds_nothing() -> None:
    must_succeed(tool("mypy"))


def imports(module: str) -> Iterator[str]:
    """The full names of all that a module imports, those inside of functions too."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_point_one_way() -> None:
    """The contracts stand in pyproject.toml."""
    must_succeed(tool("lint-imports"), "--no-logo", "--no-cache")


def private_names(path: Path) -> Iterator[str]:
    """What a test uses of the package that the package keeps to itself."""
    tree = ast.parse(path.read_text())
    ours = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "ospool_ep":
            ours |= {alias.asname or alias.name for alias in node.names}
            yield from (alias.name for alias in node.names if alias.name.startswith("_") and alias.name[1] != "_")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ours:
            name = node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("monkeypatch.setattr"):
            name = str(getattr(node.args[1], "value", ""))
        else:
            continue
        if name.startswith("_") and not name.startswith("__"):
            yield f"{name}, line {node.lineno}"


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_use_no_private_name_of_the_package(path: Path) -> None:
    assert list(private_names(path)) == []


def test_each_folder_says_what_it_is() -> None:
    folders = [path.parent for path in PACKAGE.rglob("__init__.py")]
    assert {path.parent for path in MODULES.values()} == set(folders), "setuptools and the RPM take packages"
    for folder in folders:
        lines = (folder / "__init__.py").read_text().splitlines()
        assert lines[0].startswith('"""'), folder
        assert len(lines) == 1 or folder == PACKAGE, folder


def test_each_library_has_one_door() -> None:
    found: dict[str, set[str]] = {}
    for module in MODULES:
        for name in imports(module):
            top = name.partition(".")[0]
            if top != "ospool_ep" and top not in sys.stdlib_module_names:
                found.setdefault(top, set()).add(module)
    assert found == LIBRARIES


@pytest.mark.parametrize("module", PURE)
def test_the_core_touches_nothing(module: str) -> None:
    used = {name.partition(".")[0] for name in imports(module)} & EFFECTS
    assert used == READS_A_FILE.get(module, set())


@pytest.mark.parametrize("module", sorted(MODULES))
def test_modules_are_short(module: str) -> None:
    assert MODULES[module].read_text().count("\n") <= 300


def test_status_loads_no_engine() -> None:
    code = "import sys; from ospool_ep.cli import main; main(['status']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "ospool_ep.commands.status" in done.stderr.split()
    assert not loaded & {*LIBRARIES, "asyncio", "http", "ssl"}


def scripts() -> list[Path]:
    """The shell scripts that git knows."""
    listing = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in names.split("\0") if (ROOT / name).is_file()]
    return [path for path in files if path.read_bytes().startswith((b"#!/bin/sh", b"#!/bin/bash"))]


@pytest.mark.parametrize("path", scripts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_scripts_can_be_read_by_their_shell(path: Path) -> None:
    shell = path.read_text().partition("\n")[0].removeprefix("#!").split()[0]
    must_succeed(shell, "-n", str(path))
