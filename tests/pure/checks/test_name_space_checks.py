"""The switches of the kernel by which hardened hosts bar users from name spaces of their own."""

import re
import subprocess

import pytest

from ospool_ep.checks.name_space_checks import SWITCHES
from ospool_ep.engine.address import EngineAddress
from ospool_ep.engine.choice import Choice
from tests.pure.checks.test_host_checks import CPUS, Host, Row, rows

REPOS = "CVMFSEXEC_REPOS=oasis.opensciencegrid.org"
WITH = ("CVMFSEXEC_REPOS", 5)
ALONE = (None, None)
BARRED, FEW, NONE = "user-namespaces-barred", "user-namespaces-few", "name-spaces-barred"

Case = tuple[dict[str, int], str, list[Row]]
CASES: list[Case] = [
    ({}, "", []),
    ({"user.max_user_namespaces": 0}, "", [(BARRED, "warning", *ALONE)]),
    ({"user.max_user_namespaces": 0}, REPOS, [(BARRED, "error", *WITH)]),
    (
        {"user.max_user_namespaces": 0},
        "CVMFSEXEC_REPOS=,",
        [("no-repository", "warning", *WITH), (BARRED, "warning", *ALONE)],
    ),
    ({"kernel.unprivileged_userns_clone": 0}, "", [(BARRED, "warning", *ALONE)]),
    ({"kernel.unprivileged_userns_clone": 0}, REPOS, [(BARRED, "error", *WITH)]),
    ({"kernel.unprivileged_userns_clone": 1}, REPOS, []),
    # cvmfsexec takes two by itself.
    ({"user.max_user_namespaces": 1}, REPOS, [(BARRED, "error", *WITH)]),
    ({"user.max_user_namespaces": 1}, "", [(FEW, "warning", *ALONE)]),
    ({"user.max_user_namespaces": 2}, REPOS, [(FEW, "warning", *ALONE)]),
    ({"user.max_user_namespaces": CPUS + 1}, REPOS, [(FEW, "warning", *ALONE)]),
    ({"user.max_user_namespaces": 31000}, "NUM_CPUS=1", []),
    ({"user.max_user_namespaces": 4}, "NUM_CPUS=1", [(FEW, "warning", *ALONE)]),
    # AppArmor's may or may not hold in a container: that depends on the profile that the engine gives it.
    ({"kernel.apparmor_restrict_unprivileged_userns": 1}, REPOS, [(BARRED, "warning", *ALONE)]),
    ({"kernel.apparmor_restrict_unprivileged_userns": 0}, "", []),
    (
        {"user.max_user_namespaces": 0, "kernel.unprivileged_userns_clone": 0, "user.max_pid_namespaces": 0},
        "",
        [(NONE, "error", *ALONE), (BARRED, "warning", *ALONE)],
    ),
]

CASES += [({f"user.max_{kind}_namespaces": 0}, "", [(NONE, "error", *ALONE)]) for kind in ("mnt", "pid", "net", "uts")]


@pytest.mark.parametrize("case", CASES, ids=[" ".join(map(str, case[:2])) for case in CASES])
def test_what_bars_name_spaces_is_found_and_the_hint_names_the_switch_and_a_file(host: Host, case: Case) -> None:
    switches, line, expected = case
    for name, number in switches.items():
        host.switch(name, number)
    findings = host.check(line).findings
    assert rows(findings) == expected
    for finding in findings:
        for name in re.findall(r"sysctl -w ([a-z._]+)=", finding.hint):
            assert name in SWITCHES
            assert f"echo {name}=" in finding.hint
    if expected:
        named = " ".join(finding.hint for finding in findings)
        assert [name for name in switches if f"sysctl -w {name}=" not in named] == []


@pytest.mark.parametrize(
    ("on", "kind", "line", "expected"),
    [
        ("Y", "docker", REPOS, (BARRED, "error", *WITH)),
        ("Y", "docker", "", (BARRED, "warning", *ALONE)),
        ("N", "docker", REPOS, (BARRED, "warning", *ALONE)),
        ("Y", "podman", REPOS, (BARRED, "warning", *ALONE)),
    ],
)
def test_apparmor_keeps_cvmfsexec_from_starting_where_docker_uses_it(
    host: Host, on: str, kind: str, line: str, expected: Row
) -> None:
    host.switch("kernel.apparmor_restrict_unprivileged_userns", 1)
    (host.path / "apparmor").write_text(f"{on}\n")
    host.choice = Choice(EngineAddress(kind, f"{host.path}/engine.sock"), "auto")
    assert [row for row in rows(host.check(line).findings) if row[0] == BARRED] == [expected]


def test_the_commands_of_a_hint_set_every_switch(host: Host) -> None:
    for name in ("user.max_user_namespaces", "kernel.unprivileged_userns_clone"):
        host.switch(name, 0)
    (finding,) = host.check("").findings
    # In place of the host's own switches and files.
    script = finding.hint.partition(": ")[2].replace("/etc/sysctl.d/", f"{host.path}/")
    sysctl = f'sysctl() {{ echo "${{2#*=}}" >"{host.path}/switches/$(echo "${{2%=*}}" | tr . /)"; }}; '
    subprocess.run(["sh", "-ec", sysctl + script], check=True)
    assert host.check("").findings == ()
    assert (host.path / "99-zz-ospool-ep.conf").read_text().splitlines() == [
        "user.max_user_namespaces=15000",
        "kernel.unprivileged_userns_clone=1",
    ]


def test_a_kernel_without_these_switches_bars_nothing(host: Host) -> None:
    subprocess.run(["rm", "-r", host.path / "switches"], check=True)
    assert host.check(REPOS).findings == ()
