"""The code is clean, its modules are short, and they import each other in one direction."""

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ospool_ep"
MODULES = {path.stem: path for path in PACKAGE.glob("*.py")}

# A module imports from its own layer and from those above it. "core" and what is above are pure.
LAYERS = {
    "words": "__init__ exit_codes masking findings values policy options container_spec pilot_state"
    " image_record states events engine",
    "core": "systemd_syntax envfile classad_syntax image_reference value_checks configuration config_report"
    " pilot_container service_policy docker_body docker_command docker_pull docker_events docker_stream permissions"
    " pool_token config_changes pilot_messages replacement trial transitions wishes lifecycle status",
    "doors": "engine_socket docker_http docker_log docker_answers docker_failures apart docker_registry docker_engine"
    " journal_socket journal run_directory image_store systemd_manager path_probe access host_facts",
    "checks": "path_checks host_checks check",
    "service": "setup survey pilot_watch image_orders launch orders token_watch reload service daemon",
    "commands": "control update cli __main__",
}
LAYER_OF = {module: number for number, modules in enumerate(LAYERS.values()) for module in modules.split()}
PURE = [*LAYERS["words"].split(), *LAYERS["core"].split()]

# Each library from outside, and the only modules that import it.
LIBRARIES = {
    "docker": {"docker_registry"},
    "requests": {"docker_registry"},  # the errors that the Docker SDK lets through,
    "urllib3": {"docker_registry"},  # and those that requests lets through
    "dotenv": {"envfile"},
    "jwt": {"pool_token"},
    "systemd": {"journal"},
}

# What a module needs that does something, or waits for something, or reads the world.
EFFECTS = {
    "ctypes", "fcntl", "multiprocessing", "os", "pathlib", "queue", "random", "select", "shutil", "signal", "socket",
    "subprocess", "tempfile", "threading",
}  # fmt: skip
# But one of the core reads a file: the configuration.
READS_A_FILE = {"configuration": {"os"}}


def must_succeed(*command: str) -> None:
    """Run a command; the test fails with all that it says."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"{done.stdout}{done.stderr}", pytrace=False)


def tool(name: str) -> str:
    """A program of the virtual environment."""
    return str(Path(sys.executable).with_name(name))


def test_what_is_called_in_a_process_of_its_own_is_there() -> None:
    """No tool follows a call by name."""
    nodes = [node for path in MODULES.values() for node in ast.walk(ast.parse(path.read_text()))]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    called = [text.split(":") for text in texts if re.fullmatch("[a-z_]+:[a-z_]+", text)]
    assert ["survey", "read"] in called
    for module, function in called:
        tree = ast.parse(MODULES[module].read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (module, function)


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


def our_imports(module: str) -> set[str]:
    """The modules of the package that a module imports."""
    ours = {name.split(".")[1] for name in imports(module) if name.split(".")[0] == "ospool_ep"}
    return {name if name in MODULES else "__init__" for name in ours}


def test_each_module_stands_in_one_layer() -> None:
    listed = " ".join(LAYERS.values()).split()
    assert sorted(listed) == sorted(MODULES)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_one_way(module: str) -> None:
    assert not {name for name in our_imports(module) if LAYER_OF[name] > LAYER_OF[module]}


def test_imports_form_no_cycle() -> None:
    graphlib.TopologicalSorter({module: our_imports(module) for module in MODULES}).prepare()


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
    assert "ospool_ep.control" in done.stderr.split()
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
