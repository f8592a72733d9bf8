"""Several services of one host: what the package does with all of them."""

from collections.abc import Sequence

from tests.package.life import enabled, files, install, remove, set_up
from tests.package.packages import package, released_package
from tests.support.endpoint import CONFIG, TOKEN, Endpoint, Expectations
from tests.support.host import Host
from tests.support.pool import Pool
from tests.support.waiting import wait_until

TIMER = "ospool-ep-image.timer"
# By which each ospool-ep@NAME brings the timer.
BROUGHT = f"/etc/systemd/system/ospool-ep@.service.wants/{TIMER}"


def services(host: Host, *names: str) -> Sequence[Endpoint]:
    """Instances that run, a pilot each."""
    set_up(host)
    found = [Endpoint(host, Pool(host.run)).instance(name) for name in names]
    for one in found:
        one.configure(NUM_CPUS="1", MEMORY="512")
    for one in found:
        one.start()
        wait_until(one.container_id, "its pilot", 60)
    return found


def is_active(host: Host, unit: str = TIMER) -> str:
    return host.run(["systemctl", "is-active", unit]).stdout.strip()


def runs_since(host: Host) -> str:
    """When the timer was started last."""
    return host.do("systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "--value", TIMER).strip()


def test_the_timer_is_there_until_the_last_service_ends(installed: Host) -> None:
    one, other = services(installed, "one", "the-other.2")
    assert is_active(installed) == "active"
    began = runs_since(installed)
    one.stop()
    other.host.do("systemctl", "restart", other.service.unit)
    assert (is_active(installed), runs_since(installed)) == ("active", began)
    other.stop()
    wait_until(lambda: is_active(installed) == "inactive", "the timer ends", 10)


def test_the_timer_of_ospool_ep_itself_outlives_it_where_another_service_runs(installed: Host) -> None:
    (one,) = services(installed, "one")
    itself = Endpoint(installed, one.pool)
    itself.configure(NUM_CPUS="1", MEMORY="512")
    itself.start()
    one.stop()
    assert is_active(installed) == "active"
    one.start()
    itself.stop()
    assert is_active(installed) == "active"


def test_a_timer_that_is_disabled_comes_with_no_service(installed: Host) -> None:
    installed.do("systemctl", "disable", TIMER)
    services(installed, "one")
    assert is_active(installed) == "inactive"


def test_an_upgrade_restarts_each_and_keeps_its_pilot(installed: Host) -> None:
    both = services(installed, "one", "two")
    before = [(one.property("MainPID"), one.container_id()) for one in both]
    install(installed, package(release=2))
    for one, (process, pilot) in zip(both, before):
        wait_until(lambda one=one, process=process: one.property("MainPID") not in ("0", process), "a new process", 30)  # type: ignore[misc]
        assert one.container_id() == pilot
        assert one.property("NeedDaemonReload") == "no"
    assert is_active(installed) == "active"


def test_an_upgrade_gives_instances_the_timer_where_it_is_enabled(bare: Host) -> None:
    install(bare, released_package())
    assert (enabled(bare, TIMER), bare.run(["test", "-e", BROUGHT]).returncode) == ("enabled", 1)
    install(bare, package())
    assert (enabled(bare, TIMER), bare.run(["test", "-e", BROUGHT]).returncode) == ("enabled", 0)


def test_an_upgrade_gives_nobody_a_timer_that_is_disabled(bare: Host) -> None:
    install(bare, released_package())
    bare.do("systemctl", "disable", TIMER)
    install(bare, package())
    assert (enabled(bare, TIMER), bare.run(["test", "-e", BROUGHT]).returncode) == ("disabled", 1)


def test_a_name_that_is_none_fails_once_and_says_what_to_type(installed: Host, expected: Expectations) -> None:
    began = installed.cursor()
    for unit, instead in ((r"ospool-ep@a\x2db.service", "ospool-ep@a-b"), ("ospool-ep@-x.service", "ospool-ep@NAME")):
        assert installed.run(["systemctl", "start", unit]).returncode == 1
        assert installed.do("systemctl", "show", "--property=NRestarts", "--value", unit).strip() == "0"
        entries = installed.journal(after=began, unit=unit)
        said = [entry.message for entry in entries if entry.identifier == "ospool-ep"]
        assert len(said) == 1
        assert said[0].endswith(f"systemctl enable --now {instead}"), said
        expected.failed_units.add(unit)
        expected.messages += ["is no name of a service", "Failed with result 'exit-code'", "Failed to start ospool-ep@"]


def test_removal_stops_all_and_leaves_what_the_administrator_made(bare: Host) -> None:
    before = files(bare)
    install(bare, package())
    both = services(bare, "one", "two")
    bare.do("systemctl", "enable", *(one.service.unit for one in both))
    own = "/var/lib/ospool-ep@two/a note of the administrator"
    bare.write(own, "keep")
    assert bare.run(["test", "-e", "/var/lib/ospool-ep@one"]).returncode == 0
    remove(bare)
    made = {"/etc/osg", "/etc/osg/ospool-ep.d", TOKEN, f"{CONFIG}.rpmsave", "/var/lib/ospool-ep@two", own}
    assert files(bare) - before == made | {one.config for one in both}
    assert before - files(bare) == set()
    assert [one.container_id() for one in both] == ["", ""]
    assert "ospool-ep" not in bare.do("systemctl", "list-units", "--all", "--plain", "--no-legend")
    assert bare.run(["sh", "-c", "ls -d /run/ospool-ep*"]).stdout == ""
    bare.do("rm", "-r", "/var/lib/ospool-ep@two")
