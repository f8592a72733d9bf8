"""The package's life on a host, from installation to removal, by the real dnf."""

import re
from pathlib import Path

from ospool_ep import __version__
from tests.package.life import enabled, files, install, remove, running, set_up, start
from tests.package.packages import legacy_package, package, released_package
from tests.support.endpoint import CONFIG, CONTAINER, SERVICE, TOKEN, Endpoint, Expectations
from tests.support.host import Host
from tests.support.pool import Happening, Pool
from tests.support.waiting import wait_until

TIMER, TEMPLATE = "ospool-ep-image.timer", "ospool-ep@.service"


def test_installation_starts_nothing_and_enables_the_timer(installed: Host) -> None:
    assert enabled(installed, TIMER) == "enabled"
    assert enabled(installed, SERVICE) == "disabled"
    assert installed.run(["systemctl", "is-active", SERVICE, TIMER]).stdout.split() == ["inactive", "inactive"]
    installed.do("rpm", "--verify", "ospool-ep")
    units = [f"/usr/lib/systemd/system/{name}" for name in (SERVICE, TEMPLATE, TIMER, "ospool-ep-image.service")]
    verified = installed.run(["systemd-analyze", "verify", "--man=no", *units])
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_the_command_runs_no_code_of_its_caller(installed: Host) -> None:
    before = files(installed)
    trap = "/srv/trap"
    for module in ("ospool_ep/cli.py", "json.py"):
        installed.write(f"{trap}/{module}", "raise SystemExit('trapped')\n")
    call = f"cd {trap} && PYTHONPATH={trap} PYTHONHOME={trap} ospool-ep --version"
    assert installed.do("sh", "-c", call) == f"ospool-ep {__version__}\n"
    # With all the modules that it has: what it compiles is not left behind.
    installed.run(["ospool-ep", "check"])
    assert files(installed) == before


def test_the_service_brings_the_timer_and_takes_it_along(installed: Host) -> None:
    set_up(installed)
    start(installed)
    assert installed.do("systemctl", "is-active", TIMER).strip() == "active"
    installed.do("systemctl", "stop", SERVICE, timeout=240)
    assert installed.run(["systemctl", "is-active", TIMER]).stdout.strip() == "inactive"


def test_the_timers_service_pulls_and_leaves_the_pilot_alone(installed: Host) -> None:
    set_up(installed)
    before, began = start(installed), installed.cursor()
    installed.do("systemctl", "start", "ospool-ep-image.service")
    assert running(installed) == before
    said = [entry.message for entry in installed.journal(after=began, unit="ospool-ep-image.service")]
    assert [text for text in said if "is up to date" in text], said


def test_an_upgrade_brings_the_new_code_and_keeps_the_pilot_and_the_edited_file(installed: Host) -> None:
    text = set_up(installed)
    process, pilot = start(installed)
    install(installed, package(release=2))
    assert installed.do("rpm", "--query", "--queryformat=%{RELEASE}", "ospool-ep") == "2"
    wait_until(lambda: running(installed)[0] not in ("", process), "the process of the new release", 30)
    assert running(installed)[1] == pilot
    assert installed.read(CONFIG) == text
    assert enabled(installed, TIMER) == "enabled"
    assert installed.do("systemctl", "show", "--property=NeedDaemonReload", "--value", SERVICE).strip() == "no"


def test_an_upgrade_from_the_first_release_keeps_the_busy_pilot_and_does_not_call_it_outdated(bare: Host) -> None:
    install(bare, released_package())
    set_up(bare)
    (process, pilot), began = start(bare), bare.cursor()
    endpoint = Endpoint(bare, Pool(bare.run))
    endpoint.wait_for_summary("In the pool")
    job = endpoint.pool.submit("sleep 30")
    job.wait_for(Happening.EXECUTING, 60)
    install(bare, package())
    wait_until(lambda: running(bare)[0] not in ("", process), "the process of this release", 30)
    endpoint.wait_for_summary("In the pool, running 1 job")
    assert running(bare)[1] == pilot
    assert (endpoint.status()["plan"], endpoint.pilot()["container"]) == (None, pilot)
    assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
    assert not job.happened(Happening.EVICTED)
    assert not job.happened(Happening.DISCONNECTED)
    # A pilot that drained would have ended with its job.
    endpoint.wait_for_summary("In the pool, waiting for jobs")
    assert running(bare)[1] == pilot
    said = [entry.message for entry in bare.journal(after=began, unit=SERVICE)]
    assert f"Went on with the pilot in container {pilot[:12]}." in said
    assert not [text for text in said if "Traceback" in text or "another configuration" in text]


def test_a_busy_pilot_of_the_first_release_hands_over_and_leaves_nothing_behind(bare: Host) -> None:
    scratch = "/srv/scratch-of-all"
    install(bare, released_package())
    bare.do("install", "--directory", "--owner=1000", "--group=1000", scratch)
    set_up(bare)
    endpoint = Endpoint(bare, Pool(bare.run))
    endpoint.configure(WORKER_TEMP_DIR=scratch)
    process, _ = start(bare)
    endpoint.wait_for_summary("In the pool")
    job = endpoint.pool.submit("sleep 45")
    job.wait_for(Happening.EXECUTING, 60)
    install(bare, package())
    wait_until(lambda: running(bare)[0] not in ("", process), "the process of this release", 30)
    endpoint.configure(MEMORY="512", OSPOOL_EP_HAND_OVER_GB="0.1")
    bare.do("systemctl", "reload", SERVICE)
    # That one has a directory of its own in the one that the first pilot has.
    handed_over = ["leaving", "open"]
    endpoint.wait_until(
        lambda: [one["stage"] for one in endpoint.pilots()] == handed_over, "the next pilot is open", 60
    )
    assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
    assert job.happened(Happening.EVICTED) + job.happened(Happening.DISCONNECTED) == 0
    endpoint.wait_until(lambda: len(endpoint.pilots()) == 1, "the first pilot has gone", 30)

    def left() -> list[str]:
        return bare.do("find", scratch, "-mindepth", "1", "-maxdepth", "1", "-printf", r"%f\n").split()

    endpoint.wait_until(
        lambda: not [name for name in left() if not name.startswith("ospool-ep-pilot-")], "left-overs", 30
    )
    assert len(left()) == 1


def test_the_first_release_meets_our_files_without_a_traceback(bare: Host, expected: Expectations) -> None:
    """Its process runs on between the replacement of its files and its restart at the end of the transaction."""
    answer = "The configuration was not read again: The process for survey:read ended without a result (exit code 75)."
    expected.messages.append(re.escape(answer))
    install(bare, released_package())
    set_up(bare)
    (process, pilot), began = start(bare), bare.cursor()
    bare.copy_in(package(), "/srv")
    bare.do("rpm", "--upgrade", "--noscripts", f"/srv/{package().name}")

    def said() -> list[str]:
        return [entry.message for entry in bare.journal(after=began, unit=SERVICE)]

    bare.do("systemctl", "kill", "--signal=HUP", "--kill-whom=main", SERVICE)
    wait_until(lambda: answer in said(), "the answer of the old process", 30)
    assert running(bare) == (process, pilot)
    assert not [text for text in said() if "Traceback" in text]

    bare.do("systemctl", "daemon-reload")
    bare.do("systemctl", "restart", SERVICE)
    assert running(bare)[1] == pilot


def test_an_upgrade_leaves_a_disabled_timer_disabled(installed: Host) -> None:
    installed.do("systemctl", "disable", TIMER)
    install(installed, package(release=2))
    assert enabled(installed, TIMER) == "disabled"


def test_an_upgrade_from_the_existing_package_ends_nothing(bare: Host, expected: Expectations) -> None:
    expected.messages += ["ALLOW_CPUJOB_ON_GPUSLOT: No effect", "CONTAINER_PILOT_USE_JOB_HOOK: No effect"]
    install(bare, legacy_package())
    text = set_up(bare)
    before = start(bare, "systemctl", "enable", "--now", SERVICE)

    install(bare, package())
    assert running(bare) == before
    assert bare.read(CONFIG) == text
    assert "OSPOOL_EP_IMAGE=" in bare.read(f"{CONFIG}.rpmnew")
    assert bare.run(["test", "-e", "/usr/sbin/start_ospool_ep_container.sh"]).returncode == 1
    assert (enabled(bare, SERVICE), enabled(bare, TIMER)) == ("enabled", "enabled")
    assert bare.do("systemctl", "show", "--property=NeedDaemonReload", "--value", SERVICE).strip() == "no"

    # The file that worked yesterday works today, and the new service drains the old pilot before it starts its own.
    began = bare.cursor()
    bare.do("systemctl", "restart", SERVICE)
    wait_until(lambda: running(bare)[1] not in ("", before[1]), "a pilot of the new service", 60)
    said = [entry.message for entry in bare.journal(after=began, unit=SERVICE)]
    assert [line for line in said if "Draining: the running pilot was started by the package's earlier service" in line]
    assert [line for line in said if line.startswith("Drained. ")]
    start(bare)


def test_a_stop_right_after_the_upgrade_ends_the_pilot_of_the_existing_package(bare: Host) -> None:
    install(bare, legacy_package())
    set_up(bare)
    _, pilot = start(bare)
    install(bare, package())
    began = bare.cursor()
    bare.do("systemctl", "stop", SERVICE, timeout=240)
    assert running(bare) == ("", "")
    said = [entry.message for entry in bare.journal(after=began, unit=SERVICE)]
    assert f"Went on with the pilot in container {pilot[:12]}." in said
    assert "Stopped. No job was running." in said


def test_removal_leaves_what_the_administrator_made(bare: Host) -> None:
    before = files(bare)
    install(bare, package())
    text = set_up(bare)
    drop_in = f"/etc/systemd/system/{SERVICE}.d/ours.conf"
    bare.write(drop_in, "[Service]\nNice=5\n")
    bare.do("systemctl", "daemon-reload")
    start(bare, "systemctl", "enable", "--now", SERVICE)

    remove(bare)
    made = {"/etc/osg", TOKEN, f"{CONFIG}.rpmsave", str(Path(drop_in).parent), drop_in}
    assert files(bare) - before == made
    assert before - files(bare) == set()
    assert bare.read(f"{CONFIG}.rpmsave") == text
    assert bare.do("docker", "container", "ls", "--all", "--quiet", f"--filter=name=^{CONTAINER}$") == ""
    assert bare.run(["test", "-e", "/run/ospool-ep"]).returncode == 1
    assert "ospool-ep" not in bare.do("systemctl", "list-units", "--all", "--plain", "--no-legend")
