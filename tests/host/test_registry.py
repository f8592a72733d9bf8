"""The registry away, or without the image: a local image is used, and without one the service waits, however long."""

import re
import time
from collections.abc import Iterator

import pytest

from tests.host.scenes import STUB, assert_stopped, begin_start, inspect, said, start_in_vain
from tests.support.endpoint import Endpoint
from tests.world.images import REGISTRY

REGISTRY_UNIT = "docker-registry.service"
IMAGE_UNIT = "ospool-ep-image.service"
# Serves the registry again on another port, and stops in the middle of a layer until it is told to go on.
SLOW_PORT = 5001
SLOW_REGISTRY = f"""
import http.server, pathlib, time, urllib.error, urllib.request
ACCEPT = "application/vnd.docker.distribution.manifest.v2+json"
class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.do_GET()
    def do_GET(self):
        url = "http://{REGISTRY}" + self.path
        request = urllib.request.Request(url, headers={{"Accept": ACCEPT}}, method=self.command)
        with urllib.request.urlopen(request) as answer:
            body = answer.read()
            self.send_response(200)
            for name in ("Content-Type", "Content-Length", "Docker-Content-Digest", "Docker-Distribution-Api-Version"):
                if answer.headers[name]:
                    self.send_header(name, answer.headers[name])
            self.end_headers()
        half = len(body) // 2 if len(body) > 100_000 else 0
        self.wfile.write(body[:half])
        self.wfile.flush()
        until = time.monotonic() + 120
        while half and time.monotonic() < until and not pathlib.Path("/run/go-on").exists():
            time.sleep(0.05)
        self.wfile.write(body[half:])
http.server.ThreadingHTTPServer(("127.0.0.1", {SLOW_PORT}), Handler).serve_forever()
"""


def stop_registry(endpoint: Endpoint) -> None:
    endpoint.host.do("systemctl", "stop", REGISTRY_UNIT)


def test_without_any_image_it_waits_and_starts_by_itself_when_the_registry_is_back(endpoint: Endpoint) -> None:
    endpoint.expect_message(rf"Cannot pull {STUB}: .*There is no local image either\. Next try in 5 s\.")
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    stop_registry(endpoint)
    start_in_vain(endpoint)
    endpoint.wait_for_summary("Waiting to retry until")
    report = endpoint.status()
    assert 0 < report["retry_at"] - time.time() <= 5
    at = time.strftime("%H:%M:%S", time.gmtime(report["retry_at"]))
    assert report["summary"].startswith(f"Waiting to retry until {at} (attempt 1 failed): Cannot pull {STUB}")
    assert endpoint.host.run(["ospool-ep", "status"]).returncode == 1
    process = endpoint.property("MainPID")
    endpoint.host.do("systemctl", "start", REGISTRY_UNIT)
    endpoint.wait_until(lambda: endpoint.status()["phase"] == "running", "a pilot runs")
    assert endpoint.property("MainPID") == process


def test_a_local_image_is_used_with_a_warning_that_tells_its_age(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.host.docker("pull", "--quiet", STUB)
    image_id = endpoint.host.docker("image", "inspect", "--format={{.Id}}", STUB).strip()
    stop_registry(endpoint)
    created = time.mktime(time.strptime("2026-01-01", "%Y-%m-%d"))
    days = int((time.time() - created) / 86400)
    endpoint.expect_message(
        rf"Cannot pull {STUB}: .* Going on with the local image, built {days} d( \d+ (h|min))? ago\."
    )
    endpoint.start()
    assert inspect(endpoint)["Image"] == image_id


@pytest.mark.parametrize("image", [f"{STUB.rpartition(':')[0]}:no-such-tag", f"{REGISTRY}/no/such/repository:1"])
def test_an_image_that_the_registry_does_not_have_is_named_and_waited_for(endpoint: Endpoint, image: str) -> None:
    endpoint.expect_message(rf"Cannot pull {image}: .*(not found|unknown).* Next try in 5 s\.")
    endpoint.set_up(OSPOOL_EP_IMAGE=image)
    start_in_vain(endpoint)
    endpoint.wait_for_summary("Waiting to retry until")


@pytest.fixture
def slow_registry(endpoint: Endpoint) -> Iterator[str]:
    """The image of the stub as a registry has it that stops in the middle until it is told to go on."""
    endpoint.host.do("systemd-run", "--quiet", "--unit=slow-registry", "--collect", "python3", "-c", SLOW_REGISTRY)
    yield STUB.replace(REGISTRY, f"127.0.0.1:{SLOW_PORT}")
    endpoint.host.do("sh", "-c", "rm -f /run/go-on; systemctl stop slow-registry")


def go_on(endpoint: Endpoint) -> None:
    """Let the slow registry finish what it has begun."""
    endpoint.host.do("touch", "/run/go-on")


@pytest.mark.container_host
def test_the_first_start_shows_how_far_the_pull_is_and_returns_when_the_pilot_runs(
    endpoint: Endpoint, slow_registry: str
) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=slow_registry)
    begin_start(endpoint)
    endpoint.wait_for_summary("%")
    report = endpoint.status()
    percent = int(report["summary"].partition(": ")[2].partition(" %")[0])
    assert report["summary"] == f"Pulling the image: {percent} %"
    assert 0 < percent < 100
    assert report["phase"] == "pulling"
    assert endpoint.property("ActiveState") == "activating"
    assert not endpoint.container_id()
    go_on(endpoint)
    # It joins the start that is under way, and returns with it.
    endpoint.start()
    assert inspect(endpoint)["State"]["Running"]


@pytest.mark.container_host
def test_an_update_shows_how_far_it_is_and_a_second_one_waits_for_it(endpoint: Endpoint, slow_registry: str) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=slow_registry)
    endpoint.host.do("systemctl", "start", "--no-block", IMAGE_UNIT)

    def status() -> str:
        return endpoint.host.do("systemctl", "show", "--property=StatusText", "--value", IMAGE_UNIT).strip()

    endpoint.wait_until(lambda: re.fullmatch(rf"Pulling {slow_registry}: [1-9]\d? %", status()), "the percentage")
    second = "ospool-ep update >/run/second 2>&1; echo $? >>/run/second"
    endpoint.host.do("systemd-run", "--quiet", "--collect", "sh", "-c", second)
    endpoint.wait_until(
        lambda: "Another update is under way" in endpoint.host.run(["cat", "/run/second"]).stdout, "it waits"
    )
    go_on(endpoint)
    endpoint.wait_until(lambda: endpoint.host.read("/run/second").endswith("\n0\n"), "the end of both", 60)
    assert f"{slow_registry} is up to date" in endpoint.host.read("/run/second")


def test_an_update_at_a_terminal_shows_a_bar(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    seen = endpoint.host.do("script", "--quiet", "--return", "--command", "ospool-ep update", "/dev/null")
    assert f"[{'#' * 30}] 100 %" in seen
    assert "is new here" in seen


@pytest.fixture
def silent_registry(endpoint: Endpoint) -> Iterator[None]:
    """A registry that accepts connections and says nothing."""
    endpoint.host.do("systemctl", "kill", "--signal=STOP", REGISTRY_UNIT)
    yield
    endpoint.host.do("systemctl", "kill", "--signal=CONT", REGISTRY_UNIT)


@pytest.mark.usefixtures("silent_registry")
def test_a_pull_that_hangs_is_stopped_at_once(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    begin_start(endpoint)
    endpoint.wait_for_summary("Pulling the image")
    began = time.monotonic()
    endpoint.stop()
    assert time.monotonic() - began < 10
    assert_stopped(endpoint)


def test_a_wait_for_the_registry_is_stopped_at_once(endpoint: Endpoint) -> None:
    endpoint.expect_message(r"There is no local image either\. Next try in 5 s\.")
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    stop_registry(endpoint)
    before = endpoint.host.cursor()
    start_in_vain(endpoint)
    endpoint.wait_for_summary("Waiting to retry until")
    endpoint.stop()
    assert_stopped(endpoint)
    assert len(said(endpoint, before)) == 2, "one of each process"


def test_update_reports_what_is_new_and_with_off_leaves_the_pilot_alone(endpoint: Endpoint) -> None:
    image = f"{REGISTRY}/test/stub:changing"
    endpoint.offer_image(STUB, image)
    endpoint.set_up(OSPOOL_EP_IMAGE=image, OSPOOL_EP_UPDATE="off")
    endpoint.start()
    pilot = endpoint.pilot()
    assert "is up to date" in endpoint.host.do("ospool-ep", "update")
    endpoint.offer_image(STUB.replace(":1", ":next"), image)
    assert "Nothing is pulled" in endpoint.host.do("ospool-ep", "update", "--scheduled")
    assert f"{image} is new in the registry (sha256:" in endpoint.host.do("ospool-ep", "update", "--check")
    assert f"{image} is new here (sha256:" in endpoint.host.do("ospool-ep", "update")
    assert "is up to date" in endpoint.host.do("ospool-ep", "update")
    endpoint.wait_for_summary("the next pilot uses the new image")
    assert endpoint.pilot()["container"] == pilot["container"]
    assert endpoint.property("NRestarts") == "0"


def test_update_fails_with_a_reason_when_the_registry_is_away(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    stop_registry(endpoint)
    done = endpoint.host.run(["ospool-ep", "update"])
    assert done.returncode == 1
    assert f"ospool-ep update: Cannot pull {STUB}: " in done.stderr


def test_two_updates_at_once_both_succeed(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.host.do("sh", "-ec", "ospool-ep update & first=$!; ospool-ep update; wait $first")


def test_the_timers_unit_waits_for_the_registry_and_has_not_failed(endpoint: Endpoint) -> None:
    endpoint.expect_message(r"ospool-ep-image\.service: Failed with result", "Failed to start ospool-ep-image")
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    stop_registry(endpoint)
    assert endpoint.host.run(["systemctl", "start", "ospool-ep-image.service"]).returncode != 0
    state = endpoint.host.do("systemctl", "show", "--property=SubState", "--value", "ospool-ep-image.service")
    assert state.strip() == "auto-restart"
    endpoint.host.do("systemctl", "stop", "ospool-ep-image.service")


def test_the_timers_unit_notes_what_it_has_pulled_and_complains_of_nothing(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    endpoint.host.do("rm", "/var/lib/ospool-ep/pulled")
    begun = endpoint.host.cursor()
    endpoint.host.do("systemctl", "start", IMAGE_UNIT)
    assert endpoint.host.read("/var/lib/ospool-ep/pulled").startswith(f"{STUB} ")
    told = [entry.message for entry in endpoint.host.journal(after=begun, unit=IMAGE_UNIT)]
    assert not [line for line in told if "cannot be written" in line or "not kept" in line]


def test_the_timers_unit_ends_its_wait_with_the_service(endpoint: Endpoint) -> None:
    endpoint.expect_message("ospool-ep-image.service: Failed with result", "Failed to start ospool-ep-image.service")
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    stop_registry(endpoint)
    assert endpoint.host.run(["systemctl", "start", IMAGE_UNIT]).returncode != 0
    assert image_unit(endpoint) == "activating"
    endpoint.stop()
    assert image_unit(endpoint) == "inactive"


def test_the_timers_unit_starts_no_engine(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    engine = endpoint.host.engine
    endpoint.host.do("systemctl", "stop", *engine.units)
    before = endpoint.host.cursor()
    endpoint.host.do("systemctl", "start", IMAGE_UNIT)
    assert set(endpoint.host.run(["systemctl", "is-active", *engine.units]).stdout.split()) == {"inactive"}
    told = [entry.message for entry in endpoint.host.journal(after=before, unit=IMAGE_UNIT)]
    name = engine.command.capitalize()
    assert f"Nothing is pulled: {name} does not run. A service that starts it pulls then." in told
    endpoint.host.do("systemctl", "start", *engine.started_by)
    # With Docker it was stopped as well.
    endpoint.pool.start()


def image_unit(endpoint: Endpoint) -> str:
    return endpoint.host.run(["systemctl", "is-active", IMAGE_UNIT]).stdout.strip()
