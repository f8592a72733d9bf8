"""The hardened unit: it is as closed as it says, and yet sees this host as its administrator does."""

import json
from typing import Any

from tests.host.scenes import STUB
from tests.static.test_units import EXPOSURE
from tests.support.endpoint import CONFIG, SERVICE, Endpoint
from tests.support.tokens import make_token

UNITS = ("ospool-ep.service", "ospool-ep-image.service", "ospool-ep-image.timer")

# Where an administrator may keep things.
PLACES = (
    *("/home/admin", "/root", "/tmp", "/var/tmp", "/dev/shm"),  # noqa: S108 - the host's own
    *("/var/lib", "/var/log", "/srv", "/opt", "/mnt", "/media", "/run", "/run/user/1001"),
    *("/usr/local", "/usr/scratch", "/etc/osg", "/boot", "/data"),
)
_MAKE_PLACES = """
for place in "$@"; do
    mkdir -p "$place/lent" "$place/closed"
    cat >"$place/token" <<END
$TOKEN
END
    chmod 600 "$place/token"
    chown 1000:1000 "$place/token" "$place/lent"
    chmod 700 "$place/closed"
done
"""
CASES = "/var/lib/cases"


def test_the_service_sees_the_paths_that_its_administrator_sees(endpoint: Endpoint) -> None:
    """The same checks, by root in a shell and inside the unit's sandbox, find the same."""
    endpoint.host.do("sh", "-ec", f"read -r TOKEN; {_MAKE_PLACES}", "make", *PLACES, input=make_token())
    text = endpoint.host.read(CONFIG)
    cases = [{"WORKER_TEMP_DIR": f"{place}/lent", "TOKEN_LOCATION": f"{place}/token"} for place in PLACES]
    cases += [{"WORKER_TEMP_DIR": f"{place}/closed", "TOKEN_LOCATION": f"{place}/no token"} for place in PLACES[:2]]
    cases += [{"PROVIDE_NVIDIA_GPU": "true", "BIND_MOUNT_CVMFS": "true", "NUM_CPUS": "100000", "MEMORY": "100000000"}]
    files = []
    for number, values in enumerate(cases):
        files.append(f"{CASES}/{number}.cfg")
        endpoint.host.write(files[-1], text + "".join(f"{key}={value}\n" for key, value in values.items()))
    check = 'for file in "$@"; do ospool-ep check --json --config "$file" || :; done'
    outside = endpoint.host.do("sh", "-ec", check, "check", *files)
    starts = [f"ExecStart=-/usr/bin/ospool-ep check --json --config {file}" for file in files]
    lines = ["[Service]", "Type=oneshot", "Restart=no", f"StandardOutput=append:{CASES}/output", "ExecStart=", *starts]
    endpoint.host.write(f"/etc/systemd/system/{SERVICE}.d/check.conf", "\n".join(lines) + "\n")
    endpoint.host.do("systemctl", "daemon-reload")
    endpoint.start()
    inside = endpoint.host.read(f"{CASES}/output")
    endpoint.host.do("rm", "-r", CASES)
    reports = documents(outside)
    assert len(reports) == len(cases)
    assert any(report["ok"] is False for report in reports)
    differing = [
        f"{case}\n outside: {ours}\n inside: {units}"
        for case, ours, units in zip(cases, reports, documents(inside))
        if ours != units
    ]
    assert not differing, "\n".join(differing)


def documents(text: str) -> list[dict[str, Any]]:
    """JSON documents one after the other, without what changes from one moment to the next."""
    decoder, found = json.JSONDecoder(), []
    while text.strip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].lstrip()
    for document in found:
        for finding in document["findings"]:
            finding["message"] = finding["message"].partition(" GiB are free")[2] or finding["message"]
    return found


def test_systemd_finds_nothing_wrong_with_the_installed_units(endpoint: Endpoint) -> None:
    done = endpoint.host.run(["systemd-analyze", "verify", "--man=no", *UNITS])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_exposure_is_what_the_readme_says(endpoint: Endpoint) -> None:
    for unit, tenths in EXPOSURE.items():
        table = endpoint.host.do("systemd-analyze", "security", "--no-pager", f"--threshold={tenths}", unit)
        print(table.splitlines()[-1])


def test_the_protections_are_in_force(endpoint: Endpoint) -> None:
    """A host where they can't be set up would have them ignored."""
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    process = endpoint.property("MainPID")
    status = dict(line.split(":\t", 1) for line in endpoint.host.read(f"/proc/{process}/status").splitlines())
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    # CHOWN, DAC_OVERRIDE, KILL, SETGID and SETUID (linux/capability.h).
    assert int(status["CapBnd"], 16) == 0b11100011
    for namespace in ("net", "mnt"):
        ours, init = (endpoint.host.do("readlink", f"/proc/{pid}/ns/{namespace}") for pid in (process, "1"))
        assert ours != init


def test_no_other_user_may_look_into_what_the_service_keeps(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, TOKEN=make_token().strip())
    endpoint.expect_message(r"\[token-in-configuration\]")
    endpoint.start()
    assert endpoint.host.run(["cat", "/run/ospool-ep/token"], user="admin").returncode != 0
    assert "Pilot starting" in endpoint.host.run(["ospool-ep", "status"], user="admin").stdout
    assert endpoint.host.run(["ospool-ep", "drain"], user="admin").returncode == 77
