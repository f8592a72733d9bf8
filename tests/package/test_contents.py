"""What is in the package, as rpm and its tools see it, without a host."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.package.packages import ask, package, unpack
from tests.world import ROOT

PRIVATE = "/usr/lib/ospool-ep"


@pytest.fixture(scope="module")
def rpm() -> Path:
    """The package of this tree."""
    return package()


@pytest.fixture(scope="module")
def files(rpm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that holds its files."""
    return unpack(rpm, tmp_path_factory.mktemp("files"))


def compiled_path(module: str) -> str:
    """Where Python looks for the compiled code of a module, whatever PYTHONPYCACHEPREFIX says here."""
    path = Path(module)
    return f"{path.parent}/__pycache__/{path.stem}.{sys.implementation.cache_tag}.pyc"


def test_name_follows_the_existing_package(rpm: Path) -> None:
    (name,) = ask(rpm, "--queryformat=%{NVR}.%{ARCH} %{LICENSE}\n")
    assert re.fullmatch(r"ospool-ep-25\.3\.0-1\.noarch Apache-2\.0", name)


def test_files(rpm: Path) -> None:
    modules = {f"{PRIVATE}/{path.relative_to(ROOT)}" for path in (ROOT / "ospool_ep").rglob("*.py")}
    compiled = {compiled_path(path) for path in modules}
    folders = {str(Path(path).parent) for path in (*modules, *compiled)}
    other = {path for path in ask(rpm, "--list") if not path.startswith(("/usr/share/doc/", "/usr/share/licenses/"))}
    assert other == {
        *modules,
        *compiled,
        *folders,
        PRIVATE,
        "/usr/bin/ospool-ep",
        "/etc/osg",
        "/etc/osg/ospool-ep.cfg",
        "/etc/osg/ospool-ep.d",
        "/usr/share/ospool-ep",
        "/usr/share/ospool-ep/closed-start.cfg",
        "/usr/share/ospool-ep/seccomp-minimum.json",
        "/usr/lib/systemd/system/ospool-ep.service",
        "/usr/lib/systemd/system/ospool-ep@.service",
        "/usr/lib/systemd/system/ospool-ep-image.service",
        "/usr/lib/systemd/system/ospool-ep-image.timer",
        "/usr/lib/systemd/system/system-ospool_ep.slice",
        "/usr/lib/systemd/system/ospool_ep.slice",
        "/usr/lib/systemd/system/ospool_ep-.slice.d",
        "/usr/lib/systemd/system/ospool_ep-.slice.d/10-ospool-ep.conf",
        "/usr/lib/systemd/system/system-ospool_ep_instances.slice",
        "/usr/lib/systemd/system/system-ospool_ep_instances-.slice.d",
        "/usr/lib/systemd/system/system-ospool_ep_instances-.slice.d/10-ospool-ep.conf",
        "/usr/lib/systemd/system-preset/80-ospool-ep.preset",
        "/usr/share/man/man5/ospool-ep.cfg.5.gz",
        "/usr/share/man/man8/ospool-ep.8.gz",
        "/var/lib/ospool-ep",
        "/var/lib/ospool-ep/engine",
        "/var/lib/ospool-ep/images.json",
        "/var/lib/ospool-ep/pulled",
        "/var/lib/ospool-ep/update.lock",
        "/var/lib/systemd/timers/stamp-ospool-ep-image.timer",
    }


def test_documents_and_licence_come_along(rpm: Path) -> None:
    documents = {Path(path).name for path in ask(rpm, "--docfiles")}
    licences = {Path(path).name for path in ask(rpm, "--licensefiles")}
    assert documents >= {"README.md", "CHANGELOG.md", "ospool-ep.yml", "reboot.yml"}
    assert licences == {"LICENSE"}
    assert ask(rpm, "--changelog")


def test_the_edited_configuration_is_not_replaced(rpm: Path) -> None:
    flags = dict(line.split() for line in ask(rpm, "--queryformat=[%{FILENAMES} %{FILEFLAGS}\n]"))
    config, noreplace = 1 << 0, 1 << 4
    assert {path: int(flag) for path, flag in flags.items() if int(flag) & config} == {
        "/etc/osg/ospool-ep.cfg": config | noreplace
    }


def test_nobody_but_root_can_write(rpm: Path) -> None:
    lines = ask(rpm, "--queryformat=[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]")
    for line in lines:
        assert re.match(r"[-d]rw[x-](r-[x-]r-[x-]|------) root root /", line), line


def test_requires(rpm: Path) -> None:
    needed = set(ask(rpm, "--requires"))
    assert needed >= {
        "(podman or docker-ce or moby-engine or /usr/bin/docker)",
        "/usr/bin/python3",
        "/usr/bin/setpriv",
        "python3 >= 3.9",
        "python3-docker >= 5.0.2",
        "python3-dotenv >= 0.19.2",
        "python3-jwt >= 2.4",
        "python3-systemd >= 234",
        "systemd >= 252",
    }
    # Tied to no version of Python.
    assert not [name for name in needed if name.startswith("python(abi)")]


def test_scriptlets_restart_the_service_and_nothing_else_on_upgrade(rpm: Path) -> None:
    scripts = "\n".join([*ask(rpm, "--scripts"), *ask(rpm, "--triggers")])
    code = [line for line in scripts.splitlines() if not line.startswith("#")]
    # The units are only touched in a first installation ($1 is 1) and in a removal ($1 is 0); but the service, whose
    # pilot outlives a restart, runs the new code after an upgrade.
    for line in code:
        if "mark-restart-system-units" in line:
            assert line.startswith("if [ $1 -ge 1 ] && ")
            assert line.partition("mark-restart-system-units ")[2].split()[:2] == ["ospool-ep.service", "$instances"]
            assert "timer" not in line
        elif "systemd-update-helper" in line:
            assert line.startswith(("if [ $1 -eq 1 ] && ", "if [ $1 -eq 0 ] && ")), line
    assert len([line for line in code if "restart" in line]) == 1
    ctl = "/usr/bin/systemctl"
    assert [line.strip() for line in code if "systemctl" in line] == [
        f'if [ $1 -gt 1 ] && [ "$({ctl} is-enabled ospool-ep-image.timer 2>/dev/null)" = enabled ]; then',
        f"{ctl} --quiet --no-reload enable ospool-ep-image.timer || :",
        f"{ctl} --quiet --no-reload disable ospool-ep@.service || :",
        f"[ ! -d /run/systemd/system ] || {ctl} stop 'ospool-ep@*.service' || :",
        f"instances=$({ctl} list-units --plain --no-legend --full 'ospool-ep@*.service' 2>/dev/null | cut -d ' ' -f 1)",
        f"{ctl} --no-reload preset ospool-ep-image.timer || :",
    ]


def test_rpmlint_finds_no_error(rpm: Path) -> None:
    (source,) = rpm.parents[2].glob("SRPMS/*.rpm")
    lint = ["rpmlint", "--config", "packaging/rpmlint.toml", str(rpm), str(source), "packaging/ospool-ep.spec"]
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "2 packages and 1 specfiles checked; 0 errors" in done.stdout


@pytest.mark.parametrize("page", ["man5/ospool-ep.cfg.5.gz", "man8/ospool-ep.8.gz"])
def test_manual_pages_render_without_a_warning(files: Path, page: str) -> None:
    source = subprocess.run(["gzip", "-dc", f"usr/share/man/{page}"], cwd=files, capture_output=True, check=True).stdout
    groff = ["groff", "-man", "-ww", "-Tutf8"]
    done = subprocess.run(groff, input=source, capture_output=True, check=True)
    assert done.stderr == b""
    assert done.stdout.count(b"\n") > 50


def test_compiled_code_belongs_to_the_installed_path(files: Path) -> None:
    installed = f"{PRIVATE}/ospool_ep/cli.py"
    compiled = files / compiled_path(installed).lstrip("/")
    assert installed.encode() in compiled.read_bytes()


def test_nothing_tells_where_it_was_built(files: Path) -> None:
    for path in files.rglob("*"):
        if path.is_file():
            assert str(ROOT).encode() not in path.read_bytes(), path


def test_the_same_tree_gives_the_same_package() -> None:
    build = [str(ROOT / "packaging/build-rpm"), "9"]
    made = []
    for _ in range(2):
        (path,) = subprocess.run(build, capture_output=True, text=True, check=True).stdout.split()
        made.append(Path(path).read_bytes())
    assert made[0] == made[1]
