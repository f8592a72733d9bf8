"""The two ``docker run`` lines of the pilot image's documentation are what ``render docker`` gives, but for a list.

The list is for administrators, too: ospool-ep(8) has it, at "Beside the documentation's docker run".
"""

import csv
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospool_ep.configuration.options import OPTIONS
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import from_configuration
from ospool_ep.container.advertised import with_host
from ospool_ep.container.cvmfs_mounts import where_there
from ospool_ep.container.docker_command import render

MANUAL = Path(__file__).parents[3] / "man/ospool-ep.8"
TOKEN_TARGET = "/etc/condor/tokens-orig.d/flock.opensciencegrid.org"  # noqa: S105 - where it lies
REPOSITORIES = "oasis.opensciencegrid.org singularity.opensciencegrid.org"

# Both have these. Source: "Open Science Pool Containers", "Running the Container with Docker" and "Bind mount".
OF_BOTH = (
    "-it --rm --user osg --pull=always -v /path/to/token:" + TOKEN_TARGET + " -v /worker-temp-dir:/pilot"
    " -e GLIDEIN_Site=A-Site -e GLIDEIN_ResourceName=A-Resource -e GLIDEIN_Start_Extra=True"
    " -e OSG_SQUID_LOCATION=http://squid.example.org:3128"
)
IMAGE = "opensciencegrid/osgvo-docker-pilot:23-release"
EXAMPLES = {
    "cvmfsexec": f"{OF_BOTH} --privileged -e 'CVMFSEXEC_REPOS={REPOSITORIES}' {IMAGE}",
    "bind-mounted CVMFS": f"{OF_BOTH} --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
    f" --security-opt no-new-privileges -v /cvmfs:/cvmfs:shared {IMAGE}",
}
CONFIGURATION = (
    "GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\nTOKEN_LOCATION=/path/to/token\n"
    "WORKER_TEMP_DIR=/worker-temp-dir\nGLIDEIN_Start_Extra=True\n"
    "OSG_SQUID_LOCATION=http://squid.example.org:3128\n"
)
CONFIGURATIONS = {
    "cvmfsexec": f"{CONFIGURATION}CVMFSEXEC_REPOS={REPOSITORIES}\n",
    "bind-mounted CVMFS": f"{CONFIGURATION}BIND_MOUNT_CVMFS=true\n",
}

# What differs in both, and why; the manual says the same.
DELIBERATE = {
    "-it": "The service follows the log; nobody sits before the pilot.",
    "--rm": "It looks at how the pilot ended before it removes it, and keeps the log that long.",
    "--detach": "The pilot outlives each process of the service.",
    "--name": "By it, and by labels, the service finds its pilots again.",
    "--label": "As --name; and Watchtower leaves it alone.",
    "--user": "The same user by his number, whatever the image calls him.",
    "--userns": "Uid 1000 is that of the host also where Docker maps users.",
    "--security-opt label=disable": "SELinux does not separate the container.",
    "--device /dev/fuse": "Apptainer mounts images of jobs with FUSE, and cvmfsexec CVMFS.",
    "--ulimit": "As many open files as systemd gives to a service.",
    "--pids-limit": "No job can fill the host's table of processes.",
    "--shm-size": "64 MB of /dev/shm are too few for jobs.",
    "--stop-timeout": "Also where somebody else stops the container, the jobs are evicted in order.",
    "--log-driver": "The engine's copy of the log is bounded.",
    "--log-opt": "As --log-driver.",
    f"--volume {TOKEN_TARGET}": "Read-only: the pilot makes a copy, and jobs run as the same user.",
    "--env GLIDEIN_Start_Extra": "In parentheses, as the image puts more behind it.",
    "--env of a default": "The file's defaults are told, as those of the image may be other ones.",
    "--env of this host": "The pool can see on which host a pilot is (OSPOOL_EP_ADVERTISE_HOST).",
    "image": "The documentation's example names that of an older series.",
}
# In place of the first one.
DELIBERATE_WITHOUT_PRIVILEGED = {
    "--privileged": "All that it is used for needs the next three only; it would open all devices of this host.",
    "--security-opt seccomp=unconfined": "In place of --privileged.",
    "--security-opt systempaths=unconfined": "In place of --privileged.",
    "--security-opt no-new-privileges": "In place of --privileged.",
}
DIFFERENCES = {
    "cvmfsexec": {**DELIBERATE, **DELIBERATE_WITHOUT_PRIVILEGED},
    "bind-mounted CVMFS": DELIBERATE,
}

ALONE = ("-it", "--rm", "--privileged", "--detach")
LONG = {"-v": "--volume", "-e": "--env"}
DEFAULTS = {name for name, option in OPTIONS.items() if option.default and option.goes_to.reaches_pilot}
OF_THIS_HOST = ("_CONDOR_OSPOOL_EP_HOST", "_CONDOR_SLOT1_STARTD_ATTRS")
Flags = set[tuple[str, object]]


def flags(words: list[str]) -> Flags:
    """Each flag of a command with what it says, under a name that its counterpart has, too."""
    return set(_flags(words[:-1])) | {("image", words[-1])}


def _flags(words: list[str]) -> Iterator[tuple[str, object]]:
    rest = iter(words)
    for word in rest:
        if word in ALONE:
            yield word, True
            continue
        option, has_value, value = word.partition("=")
        yield _named(LONG.get(option, option), value if has_value else next(rest))


def _named(option: str, value: str) -> tuple[str, object]:
    if option in ("--volume", "--mount"):
        mount = _mount(value) if option == "--mount" else _volume(value)
        return f"--volume {mount[1]}", mount
    if option == "--env":
        name = value.partition("=")[0]
        if name in OF_THIS_HOST:
            return "--env of this host", True
        return ("--env of a default" if name in DEFAULTS else f"--env {name}"), value
    if option in ("--security-opt", "--device"):
        return f"{option} {value}", True
    return option, value


Mounted = tuple[str, str, frozenset[str]]


def _volume(value: str) -> Mounted:
    source, target, *more = value.split(":")
    return source, target, frozenset(word for words in more for word in words.split(","))


def _mount(value: str) -> Mounted:
    (fields,) = csv.reader([value])
    said = dict(field.partition("=")[::2] for field in fields)
    words = {said.get("bind-propagation", ""), "ro" if "readonly" in said else ""} - {""}
    return said["source"], said["target"], frozenset(words)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_documentations_line_is_ours_but_for_the_list(example: str, tmp_path: Path) -> None:
    path = tmp_path / "ospool-ep.cfg"
    path.write_text(CONFIGURATIONS[example])
    spec = from_configuration.build(read_configuration(str(path))[0], "/path/to/token", 16 << 30, 1 << 20)
    # A host as the documentation has it: with no file of settings for CVMFS.
    spec = with_host(where_there(spec, lambda _path: False), "node-7")
    ours = shlex.split(render(spec, "docker").replace("\\\n", ""))
    assert ours[:2] == ["docker", "run"]
    different = flags(ours[2:]) ^ flags(shlex.split(EXAMPLES[example]))
    assert {name for name, _ in different} == DIFFERENCES[example].keys()


def test_the_manual_has_the_same_list() -> None:
    page = MANUAL.read_text().replace("\\-", "-").replace("\\fR", "")
    listed = page.partition(".SS Beside the documentation's docker run\n")[2].partition("\n.S")[0]
    named = set(re.findall(r"^\.TP\n\.B (.+)$", listed, re.MULTILINE))
    assert named == {*DELIBERATE, *DELIBERATE_WITHOUT_PRIVILEGED}
