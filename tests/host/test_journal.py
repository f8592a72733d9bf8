"""Every line of the pilot is in the journal, byte for byte, in order, and with fields to search by."""

from typing import Any

import pytest

from tests.host.scenes import STUB, inspect, offer_script, pilot_said
from tests.support.endpoint import CONTAINER, KILLED, SERVICE, Endpoint

LINES = 300_000
# What the engine may keep (two files), and a block more for each.
ENGINE_COPY_BYTES = 256 * 2**20 + 2 * 2**20

# Reads what journalctl prints; "in order" where it is LINES numbered lines and nothing else.
_IN_ORDER = f"""
import sys
numbered = [line for line in sys.stdin.read().split("\\n") if line.startswith("stub: line ")]
print("in order" if numbered == [f"stub: line {{n}} of {LINES}" for n in range(1, {LINES} + 1)] else len(numbered))
"""


@pytest.mark.container_host
def test_a_burst_is_in_the_journal_in_whole_and_in_order(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, TEST_PRINT_LINES=str(LINES))
    endpoint.start()
    journalctl = "journalctl --unit=ospool-ep --output=cat"

    def last_line() -> bool:
        return f"stub: line {LINES} of {LINES}\n" in endpoint.host.do("sh", "-c", f"{journalctl} --lines=1")

    endpoint.wait_until(last_line, "the last line of the burst", 120, pause=1)
    script = f'{journalctl} --cursor="$1" | python3 -c "$2"'
    answer = endpoint.host.do("sh", "-c", script, "check", endpoint.began, _IN_ORDER)
    assert answer == "in order\n"
    log = inspect(endpoint)["HostConfig"]["LogConfig"]
    assert log["Type"] == "local"
    assert (log["Config"]["max-file"], log["Config"]["max-size"]) == ("2", str(128 * 2**20))
    directory = f"/var/lib/docker/containers/{inspect(endpoint)['Id']}"
    kept = int(endpoint.host.do("du", "--summarize", "--bytes", directory).split()[0])
    assert LINES * 20 < kept < ENGINE_COPY_BYTES


ODD_LINES = r"""
echo "first"
echo
echo "  blanks around it, and a tab	 "
printf '\377\376 is not UTF-8 \200\n'
printf 'control \033[31mred\033[0m \001\007 \r\n'
printf 'zero \000 byte\n'
echo 'Grüße, 世界, 🚀'
head -c 1000000 /dev/zero | tr '\000' x; echo
head -c 16384 /dev/zero | tr '\000' y; echo
echo "PRIORITY=0"
echo "MESSAGE=no"
echo
echo "last"
exec /usr/local/bin/stub
"""
ODD = [
    b"first",
    b"",
    b"  blanks around it, and a tab\t ",
    b"\xff\xfe is not UTF-8 \x80",
    b"control \x1b[31mred\x1b[0m \x01\x07 \r",
    b"zero \x00 byte",
    "Grüße, 世界, 🚀".encode(),
    b"x" * 1_000_000,
    b"y" * 16_384,
    b"PRIORITY=0",
    b"MESSAGE=no",
    b"",
    b"last",
]


def as_bytes(message: Any) -> bytes:
    """A field as ``journalctl --output=json`` gives it: a text, or a list of numbers where it is none."""
    return bytes(message) if isinstance(message, list) else str(message).encode()


def test_a_line_of_any_bytes_is_kept_as_it_is(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=offer_script(endpoint, ODD_LINES))
    endpoint.start()

    def pilots() -> list[bytes]:
        entries = (entry for entry in endpoint.journal() if entry.identifier == "pilot")
        return [as_bytes(entry.fields["MESSAGE"]) for entry in entries]

    endpoint.wait_until(lambda: pilots()[-1:] == [b"stub: started"], "the line after the odd ones")
    # A long line is several entries where SELinux may bar journald from the file that a long entry is.
    enforced = endpoint.host.run(["sh", "-c", "getenforce || true"]).stdout.strip() == "Enforcing"
    most = 128 << 10 if enforced else 1 << 20
    assert pilots()[:-1] == [text[at : at + most] for text in ODD for at in range(0, len(text) or 1, most)]


def test_a_line_that_begins_and_is_never_ended_is_kept_too(endpoint: Endpoint) -> None:
    endpoint.expect_message("The pilot ended after")
    endpoint.set_up(OSPOOL_EP_IMAGE=offer_script(endpoint, "printf 'no line end'"))
    endpoint.start()
    endpoint.wait_for_summary("Waiting to retry")
    assert pilot_said(endpoint) == ["no line end"]


def test_each_entry_has_its_priority_and_the_fields_to_find_it_by(endpoint: Endpoint) -> None:
    endpoint.expect_message("stub: error 1 of 1")
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, TEST_PRINT_ERRORS="1")
    endpoint.start()
    container, digest = endpoint.container_id(), endpoint.pilot()["image_digest"]
    endpoint.stop()
    assert digest.startswith("sha256:")
    entries = {entry.message: entry for entry in endpoint.journal()}
    priorities = {
        f"The pilot runs in container {container[:12]}.": 6,
        "stub: started": 6,
        "stub: error 1 of 1": 4,
        "stub: ended by SIGTERM": 6,
        "Stopped. No job was running.": 6,
    }
    for message, priority in priorities.items():
        entry = entries[message]
        assert entry.priority == priority
        assert entry.identifier == ("pilot" if message.startswith("stub") else "ospool-ep")
        fields = {name: value for name, value in entry.fields.items() if name.startswith(("OSPOOL_EP_", "CONTAINER_"))}
        fields.pop("OSPOOL_EP_LOG_CURSOR", None)
        assert fields == {
            "OSPOOL_EP_SITE": "Example-Site",
            "OSPOOL_EP_RESOURCE": "Example-Resource",
            "CONTAINER_ID": container[:12],
            "CONTAINER_ID_FULL": container,
            "OSPOOL_EP_IMAGE_DIGEST": digest,
        }, message
    search = ["journalctl", "--quiet", "--output=cat", f"CONTAINER_ID_FULL={container}"]
    assert sorted(endpoint.host.do(*search).splitlines()) == sorted(priorities)


# The stub has no HTCondor to ask, and the process that adopts it does not know that it never was in a pool.
DID_NOT_SAY = r"Stopped\. The pilot did not say whether jobs ran"


def say_in_the_pilot(endpoint: Endpoint, text: str) -> None:
    """Have the pilot write a line, as any job in it can."""
    endpoint.host.docker("exec", CONTAINER, "sh", "-c", 'echo "$1" >/proc/1/fd/1', "say", text)


def entry(endpoint: Endpoint, field: str) -> str:
    """An entry like that of the pilot's last line."""
    return f"MESSAGE=entry\nSYSLOG_IDENTIFIER=pilot\nCONTAINER_ID_FULL={endpoint.container_id()}\n{field}\n"


def start_and_wait_for_a_line(endpoint: Endpoint) -> None:
    """Start the stub, and wait until its first line is in the journal."""
    endpoint.expect_message(*KILLED, DID_NOT_SAY)
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    endpoint.wait_until(lambda: pilot_said(endpoint) == ["stub: started"], "the first line")


def said_after_a_crash(endpoint: Endpoint) -> list[str]:
    """What there is of the pilot once the service was killed, and the pilot has written a line after that."""
    endpoint.kill()
    say_in_the_pilot(endpoint, "later")
    endpoint.wait_until(lambda: "later" in pilot_said(endpoint), "a line of after the crash")
    return pilot_said(endpoint)


@pytest.mark.parametrize(
    "field",
    ["OSPOOL_EP_LOG_TIME=nonsense", "OSPOOL_EP_LOG_CURSOR=nonsense", "OSPOOL_EP_LOG_CURSOR=2999-01-01T00:00:00Z#1"],
)
def test_what_any_user_writes_into_the_journal_is_not_believed(endpoint: Endpoint, field: str) -> None:
    start_and_wait_for_a_line(endpoint)
    endpoint.host.do("logger", "--journald", input=entry(endpoint, field), user="admin")
    assert said_after_a_crash(endpoint) == ["stub: started", "later"]


# What is done for a reload is done by root in the service's own unit; journald must see it there before it ends.
_WRITE_ENTRY = """
import subprocess
from systemd import journal
journal.sendv(*open("/srv/entry").read().splitlines())
subprocess.run(["journalctl", "--sync"], check=True)
"""


def write_as_the_service(endpoint: Endpoint, field: str) -> None:
    """Write an entry that journald takes for the service's."""
    endpoint.host.write("/srv/entry", entry(endpoint, field))
    endpoint.host.write("/srv/write-entry", _WRITE_ENTRY)
    drop_in = "[Service]\nExecReload=\nExecReload=/usr/bin/python3 /srv/write-entry\n"
    endpoint.host.write(f"/etc/systemd/system/{SERVICE}.d/write-entry.conf", drop_in)
    endpoint.host.do("systemctl", "daemon-reload")
    endpoint.host.do("systemctl", "reload", SERVICE)


@pytest.mark.parametrize("cursor", ["nonsense", "2026-99-01T00:00:00Z#1"])
def test_a_cursor_that_is_none_costs_lines_that_come_twice_and_no_crash(endpoint: Endpoint, cursor: str) -> None:
    start_and_wait_for_a_line(endpoint)
    write_as_the_service(endpoint, f"OSPOOL_EP_LOG_CURSOR={cursor}")
    assert said_after_a_crash(endpoint) == ["stub: started", "entry", "stub: started", "later"]


def test_a_cursor_by_the_name_that_it_had_in_release_25_1_0_is_one(endpoint: Endpoint) -> None:
    start_and_wait_for_a_line(endpoint)
    (line,) = (entry for entry in endpoint.journal() if entry.identifier == "pilot")
    write_as_the_service(endpoint, f"OSPOOL_EP_LOG_TIME={line.fields['OSPOOL_EP_LOG_CURSOR']}")
    assert said_after_a_crash(endpoint) == ["stub: started", "entry", "later"]


NAME_SPACE = "--namespace=pilots"


def start_in_a_name_space(endpoint: Endpoint) -> None:
    """Start the stub with a journal of its own, and wait until its first line is there."""
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.host.write(f"/etc/systemd/system/{SERVICE}.d/name-space.conf", "[Service]\nLogNamespace=pilots\n")
    endpoint.host.do("systemctl", "daemon-reload")
    endpoint.start()
    endpoint.wait_until(lambda: said_in_the_name_space(endpoint) == ["stub: started"], "the first line")


def said_in_the_name_space(endpoint: Endpoint) -> list[str]:
    endpoint.host.do("journalctl", NAME_SPACE, "--sync")
    search = [f"CONTAINER_ID_FULL={endpoint.container_id()}", "SYSLOG_IDENTIFIER=pilot"]
    return endpoint.host.do("journalctl", NAME_SPACE, "--quiet", "--output=cat", *search).splitlines()


# Debian's policy lets no journald of a name space start.
@pytest.mark.container_host
def test_no_line_comes_twice_in_a_name_space_of_the_journal(endpoint: Endpoint) -> None:
    endpoint.expect_message(*KILLED)
    start_in_a_name_space(endpoint)
    endpoint.kill()
    say_in_the_pilot(endpoint, "later")
    endpoint.wait_until(lambda: "later" in said_in_the_name_space(endpoint), "a line of after the crash")
    assert said_in_the_name_space(endpoint) == ["stub: started", "later"]


@pytest.mark.container_host
def test_a_restart_after_somebody_has_vacuumed_the_journal_copies_no_line_again(endpoint: Endpoint) -> None:
    start_in_a_name_space(endpoint)
    endpoint.host.do("journalctl", NAME_SPACE, "--rotate", "--vacuum-time=1us")
    assert said_in_the_name_space(endpoint) == []
    endpoint.host.do("systemctl", "restart", SERVICE)
    say_in_the_pilot(endpoint, "later")
    endpoint.wait_until(lambda: "later" in said_in_the_name_space(endpoint), "a line of after the restart")
    assert said_in_the_name_space(endpoint) == ["later"]
