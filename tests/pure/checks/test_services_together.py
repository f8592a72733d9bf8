"""Several services on one host: together they lend no more than there is, and nothing twice.

Each mistake stands beside its right twin.
"""

from pathlib import Path
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.checks.lenders import Beside, Directory, Host, Lender, Standing, lender, those_before, wanted_ones
from ospool_ep.checks.same_gpu import Sameness, sameness
from ospool_ep.checks.services_together import check_together
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, Severity, has_errors
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.system.nvidia_driver import Gpu
from ospool_ep.this_service import ServiceName

NAMES = "GLIDEIN_Site=Example\nGLIDEIN_ResourceName=Example-EP\n"
UUID, OTHER_UUID = "GPU-6e1d0b3c-0000-4000-8000-000000000001", "GPU-6e1d0b3c-0000-4000-8000-000000000002"
GPUS = (Gpu(0, UUID, 0), Gpu(1, OTHER_UUID, 1))
HERE = Host(16, 32000, GPUS)


class Services:
    """Services of one host by what their own files say; "" is ospool-ep itself, with the common file."""

    def __init__(self, directory: Path) -> None:
        self.here = HERE
        self.common = directory / "ospool-ep.cfg"
        (directory / "ospool-ep.d").mkdir(exist_ok=True)

    def read(self, said: dict[str, str]) -> dict[ServiceName, Configuration]:
        self.common.write_text(NAMES + said.get("", ""))
        found = {}
        for instance, text in said.items():
            service = ServiceName(instance)
            own = service.own_file(str(self.common))
            if own:
                Path(own).write_text(text)
            found[service] = read_configuration(str(self.common), own)[0]
        return found

    def check(self, ours: str, **said: str) -> tuple[Finding, ...]:
        """``main`` is ospool-ep itself, if it lends; ``common`` is what its file says without its lending."""
        common, main = said.pop("common", None), said.pop("main", None)
        configurations = self.read({"": main or common or "", **said})
        if main is None:
            del configurations[ServiceName()]
        lenders = {one: lender(one, its, scratch(its.text("WORKER_TEMP_DIR"))) for one, its in configurations.items()}
        service = ServiceName("" if ours == "main" else ours)
        others = tuple(one for name, one in lenders.items() if name != service)
        configuration = configurations[service]
        return configuration.placed(check_together(configuration, lenders[service], Beside(others), self.here))


def scratch(path: str) -> Optional[Directory]:
    return Directory(path, path) if path else None


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Services(tmp_path)


# What is wrong and what is right, by the two services' own files; "-" is ospool-ep itself, beside the first one.
MISTAKES = {
    "more cores than there are": ("NUM_CPUS=9\nMEMORY=1", "NUM_CPUS=8\nMEMORY=1", "services-exceed-cpus", "NUM_CPUS"),
    "two with all cores": ("MEMORY=1", "MEMORY=1", "services-exceed-cpus", "NUM_CPUS"),
    "one with all cores": ("NUM_CPUS=1\nMEMORY=1", "MEMORY=1", "services-exceed-cpus", "NUM_CPUS"),
    "more memory than there is": (
        "NUM_CPUS=1\nMEMORY=16000", "NUM_CPUS=1\nMEMORY=16000", "services-exceed-memory", "MEMORY",
    ),
    "two with all memory": ("NUM_CPUS=1", "NUM_CPUS=1", "services-exceed-memory", "MEMORY"),
    "one with all memory": ("NUM_CPUS=1\nMEMORY=1", "NUM_CPUS=1", "services-exceed-memory", "MEMORY"),
    "one GPU": (
        "PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS=0", "PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS=1,0",
        "gpu-of-two-services", "OSPOOL_EP_GPUS",
    ),
    "all GPUs": ("PROVIDE_NVIDIA_GPU=1", "PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS=1", "gpu-of-two-services",
                 "OSPOOL_EP_GPUS"),
    "a GPU by its number and its UUID": (
        "PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS=0", f"PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS={UUID}",
        "gpu-of-two-services", "OSPOOL_EP_GPUS",
    ),
    "one scratch": ("WORKER_TEMP_DIR=/scratch", "WORKER_TEMP_DIR=/scratch", "scratch-of-two-services",
                    "WORKER_TEMP_DIR"),
    "scratch in scratch": ("WORKER_TEMP_DIR=/scratch", "WORKER_TEMP_DIR=/scratch/b", "scratch-of-two-services",
                           "WORKER_TEMP_DIR"),
}  # fmt: skip
RIGHT = {
    "as many cores as there are": ("NUM_CPUS=8", "NUM_CPUS=8"),
    "as much memory as there is": ("MEMORY=15900", "MEMORY=15900"),
    "a GPU each": ("PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS=0", "PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS=1"),
    "a GPU each, by number and UUID": (
        "PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS=0", f"PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS={OTHER_UUID}",
    ),
    "parts of a GPU": ("PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS=0:0", "PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS=0:1"),
    "GPUs that one does not offer": ("PROVIDE_NVIDIA_GPU=1", "PROVIDE_NVIDIA_GPU=0\nNVIDIA_VISIBLE_DEVICES=0"),
    "a scratch each": ("WORKER_TEMP_DIR=/scratch", "WORKER_TEMP_DIR=/scratch-b"),
    "one without scratch": ("WORKER_TEMP_DIR=/scratch", "WORKER_TEMP_DIR="),
    "one token, one name, one network of the host's, one place for caches": ("", ""),
}  # fmt: skip
COMMON = "TOKEN_LOCATION=/etc/osg/t\nOSPOOL_EP_NETWORK=host\nOSPOOL_EP_CVMFS_CACHE=/cache\nOSPOOL_EP_CVMFS_LOGS=/logs\n"
SIZED = "NUM_CPUS=1\nMEMORY=1000\n"


def of_a_kind(findings: tuple[Finding, ...], code: str) -> list[Finding]:
    return [finding for finding in findings if finding.code == code]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_two_lend_twice_is_an_error_in_both_that_names_the_other(services: Services, mistake: str) -> None:
    first, second, code, key = MISTAKES[mistake]
    for ours, other in (("a", "b"), ("b", "a")):
        (finding,) = of_a_kind(services.check(ours, a=first, b=second, common=COMMON), code)
        assert finding.severity is Severity.ERROR
        assert finding.key == key
        assert f"ospool-ep@{other}" in finding.message
        assert len(finding.as_text("cfg").splitlines()) == 1
        own = {"a": first, "b": second}[ours]
        lines = [line.partition("=")[0] for line in own.splitlines()]
        assert (finding.line, Path(finding.file).name) == (
            (lines.index(key) + 1, f"{ours}.cfg") if key in lines else (None, "ospool-ep.cfg")
        )


@pytest.mark.parametrize("right", RIGHT)
def test_what_two_lend_besides_each_other_is_none(services: Services, right: str) -> None:
    first, second = (f"{SIZED}{text}" for text in RIGHT[right])
    for ours in ("a", "b"):
        assert services.check(ours, a=first, b=second, common=COMMON) == ()


def test_three_are_added_up_and_all_named(services: Services) -> None:
    said = dict.fromkeys(("a", "b", "c"), "NUM_CPUS=6\nMEMORY=1000")
    (finding,) = services.check("b", **said)
    assert "6 CPUs, and ospool-ep@a 6 and ospool-ep@c 6; this host has 16" in finding.message
    for name in said:
        assert f"{name}.cfg" in finding.hint


def test_where_there_is_less_than_one_for_each_no_number_mends_it(services: Services) -> None:
    services.here = Host(2, 32000)
    (finding,) = services.check("a", **dict.fromkeys("abc", SIZED))
    assert finding.hint == "Let fewer services lend: there is too little for so many."


@pytest.mark.parametrize("ours", ["main", "a"])
def test_the_mend_for_ospool_ep_itself_beside_instances_is_either_of_two(services: Services, ours: str) -> None:
    (finding,) = of_a_kind(services.check(ours, main="MEMORY=1000\n", a=SIZED), "services-exceed-cpus")
    assert f"Set NUM_CPUS in each of {services.common}" in finding.hint or f"and {services.common}" in finding.hint
    assert "systemctl disable --now ospool-ep" in finding.hint


def test_where_ospool_ep_itself_does_not_lend_nobody_is_told_to_disable_it(services: Services) -> None:
    (finding,) = of_a_kind(services.check("a", a="MEMORY=1", b=SIZED), "services-exceed-cpus")
    assert "disable" not in finding.hint


def test_the_mend_of_a_sum_is_one(services: Services) -> None:
    """Who keeps to the number in the hint is told nothing more."""
    (finding,) = of_a_kind(services.check("a", a="NUM_CPUS=1", b="NUM_CPUS=1"), "services-exceed-memory")
    most = int(finding.hint.partition("to ")[2].partition(" together")[0])
    shares = (most // 3, most - most // 3)
    said = dict(zip("ab", (f"NUM_CPUS=1\nMEMORY={share}" for share in shares)))
    assert services.check("a", **said) == ()
    said["a"] = f"NUM_CPUS=1\nMEMORY={shares[0] + 1}"
    assert of_a_kind(services.check("a", **said), "services-exceed-memory")


def test_the_mend_of_one_scratch_for_two_is_one(services: Services) -> None:
    text = "WORKER_TEMP_DIR=/scratch\n"
    (finding,) = services.check("a", main=SIZED + text, a=SIZED)
    path = finding.hint.rpartition("WORKER_TEMP_DIR=")[2]
    assert "a.cfg" in finding.hint
    assert services.check("a", main=SIZED + text, a=f"{SIZED}WORKER_TEMP_DIR={path}\n") == ()
    (of_main,) = services.check("main", main=SIZED + text, a=SIZED)
    assert of_main.hint == finding.hint


def test_one_directory_under_two_paths_is_one() -> None:
    one, other = Directory("/scratch", "/scratch", (1, 2)), Directory("/bound", "/bound", (1, 2))
    found = check_scratch(one, other)
    assert [finding.code for finding in found] == ["scratch-of-two-services"]
    assert check_scratch(one, Directory("/bound", "/bound", (1, 3))) == ()
    assert check_scratch(one, Directory("/bound", "/bound")) == ()
    assert check_scratch(one, Directory("/link", "/scratch")) != ()


def check_scratch(one: Directory, other: Directory) -> tuple[Finding, ...]:
    configuration = Configuration("/cfg", read_configuration("/none")[0].values)
    lenders = [Lender(ServiceName(name), f"/{name}", 1, 1, (), place) for name, place in (("a", one), ("b", other))]
    return tuple(check_together(configuration, lenders[0], Beside((lenders[1],)), HERE))


def test_gpus_that_nothing_compares_are_a_warning(services: Services) -> None:
    a, b = (f"{SIZED}PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS={gpus}" for gpus in ("0", UUID))
    services.here = Host(16, 32000)
    (finding,) = services.check("a", a=a, b=b)
    assert (finding.code, finding.severity) == ("gpu-of-two-services", Severity.WARNING)


PART = "MIG-6e1d0b3c-0000-4000-8000-000000000009"


@pytest.mark.parametrize(
    ("one", "other", "known", "expected"),
    [
        ("0", "0", False, Sameness.SAME),
        ("0", "1", False, Sameness.OTHER),
        ("all", PART, False, Sameness.SAME),
        ("0", UUID, True, Sameness.SAME),
        ("1", UUID, True, Sameness.OTHER),
        ("0", UUID, False, Sameness.NOT_KNOWN),
        (UUID, OTHER_UUID, False, Sameness.OTHER),
        (UUID, UUID.lower(), False, Sameness.SAME),
        ("0", "0:1", False, Sameness.SAME),
        ("0:0", "0:1", False, Sameness.OTHER),
        ("0:0", "1:0", False, Sameness.OTHER),
        ("0:1", UUID, True, Sameness.SAME),
        (f"MIG-{UUID}/1/0", UUID, False, Sameness.SAME),
        (f"MIG-{UUID}/1/0", f"MIG-{UUID}/2/0", False, Sameness.OTHER),
        (f"MIG-{UUID}/1/0", "0", True, Sameness.SAME),
        (f"MIG-{UUID}/1/0", "0:1", True, Sameness.NOT_KNOWN),
        (f"MIG-{UUID}/1/0", OTHER_UUID, False, Sameness.OTHER),
        (PART, PART, False, Sameness.SAME),
        (PART, PART[:-1] + "8", False, Sameness.OTHER),
        (PART, "0", True, Sameness.NOT_KNOWN),
    ],
)
def test_names_of_gpus_are_compared(one: str, other: str, known: bool, expected: Sameness) -> None:
    gpus = GPUS if known else None
    assert sameness(one, other, gpus) is sameness(other, one, gpus) is expected


def test_the_twin_of_a_service_that_is_not_in_use_is_told_mildly(services: Services) -> None:
    """A host with instances alone has ospool-ep itself, too, as the package installs it."""
    configurations = services.read({"": "", "a": SIZED})
    ours, other = (lender(one, its, None) for one, its in configurations.items())
    configuration = configurations[ServiceName()]
    for wanted in (True, False):
        found = tuple(check_together(configuration, ours, Beside((other,), is_wanted=wanted), HERE))
        assert len(found) == 2
        assert has_errors(found) is wanted
    # Who checks an instance before its start is about to start it.
    beside = Beside((ours,), is_wanted=False)
    assert has_errors(tuple(check_together(configurations[ServiceName("a")], other, beside, HERE)))


def test_what_is_not_counted_and_what_is_no_service_are_said(services: Services) -> None:
    configurations = services.read({"a": ""})
    beside = Beside((), {ServiceName("b"): "its configuration has errors"}, ("/etc/osg/ospool-ep.d/a b.cfg",))
    ours = lender(ServiceName("a"), configurations[ServiceName("a")], None)
    not_counted, no_service = check_together(configurations[ServiceName("a")], ours, beside, HERE)
    assert (not_counted.severity, no_service.severity) == (Severity.WARNING, Severity.INFO)
    assert "ospool-ep check --instance b" in not_counted.hint
    assert "'/etc/osg/ospool-ep.d/a b.cfg'" in no_service.message


README = (Path(__file__).parents[3] / "README.md").read_text()


def example(path: str) -> str:
    """What the README says is in that file, in the chapter on several services."""
    chapter = README.partition("## Several services on one host\n")[2].partition("\n## ")[0]
    block = chapter.partition(f"`{path}`:\n\n")[2].partition("\n\n")[0]
    return "".join(f"{line.strip()}\n" for line in block.splitlines())


def test_the_example_of_the_readme_is_right_on_a_host_of_its_size(tmp_path: Path) -> None:
    common = tmp_path / "ospool-ep.cfg"
    common.write_text(example("/etc/osg/ospool-ep.cfg"))
    (tmp_path / "ospool-ep.d").mkdir()
    read = {}
    for name in ("physics", "biology"):
        own = Path(ServiceName(name).own_file(str(common)))
        own.write_text(example(f"/etc/osg/ospool-ep.d/{name}.cfg"))
        read[name], findings = read_configuration(str(common), str(own))
        assert findings == ()
        assert read[name].text("GLIDEIN_ResourceName") == f"Example-{name.capitalize()}"
    physics, biology = (
        lender(ServiceName(name), its, scratch(its.text("WORKER_TEMP_DIR"))) for name, its in read.items()
    )
    assert tuple(check_together(read["physics"], physics, Beside((biology,)), Host(32, 128000))) == ()
    assert len(tuple(check_together(read["physics"], physics, Beside((biology,)), Host(31, 126000)))) == 2


def standing(instance: str, *, wanted: bool = True, has_place: bool = False) -> Standing:
    return Standing(ServiceName(instance), wanted or has_place, has_place)


def test_a_person_is_told_of_each_that_systemd_starts_or_that_runs() -> None:
    others = [standing("a"), standing("b", wanted=False), standing("c", has_place=True)]
    assert [one.instance for one in wanted_ones(others)] == ["a", "c"]


def test_at_boot_the_first_ones_lend_and_the_last_one_gives_way() -> None:
    main, a, b = standing(""), standing("a"), standing("b")
    assert those_before(main, [a, b]) == ()
    assert those_before(a, [main, b]) == (main.service,)
    assert those_before(b, [main, a]) == (main.service, a.service)


@pytest.mark.parametrize("added", ["", "aa", "z"])
def test_one_that_is_added_gives_way_to_those_that_lend(added: str) -> None:
    before, new = standing("b", has_place=True), standing(added)
    assert those_before(new, [before]) == (before.service,)
    assert those_before(before, [new]) == ()


STANDINGS = st.lists(
    st.builds(standing, st.sampled_from(["", *"abcdefg"]), wanted=st.booleans(), has_place=st.booleans()),
    min_size=2,
    unique_by=lambda one: one.service,
)


@given(STANDINGS)
def test_of_two_that_start_at_once_one_counts_the_other(standings: list[Standing]) -> None:
    """So never do both begin where one only may; and who lends is never kept from it by one that does not."""
    for ours in standings:
        counted = those_before(ours, [one for one in standings if one is not ours])
        for other in standings:
            if other is ours or not (ours.wanted and other.wanted):
                continue
            theirs = those_before(other, [one for one in standings if one is not other])
            assert other.service in counted or ours.service in theirs
            if ours.has_place and not other.has_place:
                assert other.service not in counted
