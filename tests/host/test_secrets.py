"""What gets into the container's environment, and that the token gets nowhere but into its file."""

from tests.host.scenes import STUB, inspect, token_in_the_pilot
from tests.support.endpoint import TOKEN, Endpoint
from tests.support.host import PODMAN
from tests.support.tokens import Token, make_token
from tests.world.images import REGISTRY

# Prints each place where a text stands that it gets on its standard input, and that is nobody's own.
_SEARCH = """
import glob, pathlib, subprocess, sys
engine = sys.argv[2]
needle = sys.stdin.buffer.read()
places = {path: pathlib.Path(path) for kind in ("cmdline", "environ") for path in glob.glob(f"/proc/[0-9]*/{kind}")}
places["/run/ospool-ep/status.json"] = pathlib.Path("/run/ospool-ep/status.json")
texts = {}
for name, path in places.items():
    try:
        texts[name] = path.read_bytes()
    except OSError:
        pass  # the process has ended
containers = subprocess.run([engine, "ps", "--all", "--quiet"], stdout=subprocess.PIPE, check=True).stdout.split()
commands = (
    [engine, "inspect", *containers],
    [engine, "events", "--since=1h", "--until=0s"],
    ["journalctl", "--output=export", "--all", f"--cursor={sys.argv[1]}"],
    ["ospool-ep", "check"], ["ospool-ep", "check", "--json"],
    ["ospool-ep", "config"], ["ospool-ep", "config", "--json"],
    ["ospool-ep", "render", "docker"],
    ["ospool-ep", "status", "--json"],
    ["systemctl", "show", "ospool-ep"],
)
for command in commands:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    texts[" ".join(command[:2] if command[0] in (engine, "journalctl") else command)] = done.stdout
assert texts["journalctl --output=export"], texts.keys()
assert all(any(name.endswith(kind) and text for name, text in texts.items()) for kind in ("cmdline", "environ"))
for name in sorted(name for name, text in texts.items() if needle in text):
    print(name)
"""


def found_at(endpoint: Endpoint, text: str) -> list[str]:
    """Where on the host that text can be read; of the journal what the test has caused."""
    return endpoint.host.do(
        "python3", "-c", _SEARCH, endpoint.began, endpoint.host.engine.command, input=text
    ).splitlines()


def middle_of(token: str) -> str:
    """A part of the signature, which no token shares with another."""
    return token.strip().rpartition(".")[2][8:32]


def test_the_search_finds_what_is_there(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, TEST_NEEDLE="a needle in a haystack")
    endpoint.start()
    found = found_at(endpoint, "a needle in a haystack")
    engine = endpoint.host.engine.command
    assert {f"{engine} inspect", "ospool-ep config", "ospool-ep config --json", "ospool-ep render docker"} <= set(found)
    assert any(place.endswith("/environ") for place in found)


def test_the_token_of_the_file_stands_nowhere_else(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB)
    endpoint.start()
    endpoint.host.do("ospool-ep", "update")
    assert not found_at(endpoint, middle_of(endpoint.host.read(TOKEN)))


def test_a_token_of_the_configuration_reaches_the_pilot_and_stands_nowhere_else(endpoint: Endpoint) -> None:
    endpoint.expect_message(r"TOKEN: A token stands here.*\[token-in-configuration\]")
    token = make_token()
    endpoint.set_up(Token.EXPIRED, OSPOOL_EP_IMAGE=STUB, TOKEN=token.strip())
    endpoint.start()
    assert token_in_the_pilot(endpoint) == token
    assert not found_at(endpoint, middle_of(token))


def test_a_token_under_an_unknown_key_gets_nowhere(endpoint: Endpoint) -> None:
    endpoint.expect_message(r"SITE_TOKEN: This key is unknown", r"SITE_TOKEN: A token stands here.*not passed on")
    token = make_token()
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, SITE_TOKEN=token.strip())
    endpoint.start()
    assert not found_at(endpoint, middle_of(token))


def test_nothing_of_the_host_but_its_name_gets_into_the_pilots_environment(endpoint: Endpoint) -> None:
    endpoint.expect_message(r"GLIDEIN_Sit: This key is unknown; the pilot gets it as it is\. Write GLIDEIN_Site")
    endpoint.expect_message(r"OSG_PROJECT_NAME: .*\[project-without-jobs\]")
    environment = ["OF_THE_HOST=1", "http_proxy=http://proxy.example.net:3128", f"no_proxy={REGISTRY}"]
    endpoint.host.do("systemctl", "set-environment", *environment)
    if endpoint.host.engine is PODMAN:
        # It has the environment with which it is started.
        endpoint.host.do("systemctl", "stop", "podman.service")
    endpoint.host.do("mkdir", "-p", "/srv/scratch")
    endpoint.host.do("chown", "1000:1000", "/srv/scratch")
    endpoint.set_up(
        OSPOOL_EP_IMAGE=STUB, WORKER_TEMP_DIR="/srv/scratch", MEMORY="512", GLIDEIN_Sit="typo", OSG_PROJECT_NAME="A B"
    )
    endpoint.start()
    endpoint.host.do("systemctl", "unset-environment", "OF_THE_HOST", "http_proxy", "no_proxy")
    name = endpoint.host.do("uname", "-n").strip().partition(".")[0]
    found = dict(entry.partition("=")[::2] for entry in inspect(endpoint)["Config"]["Env"])
    if endpoint.host.engine is PODMAN:
        # What it says to each container.
        assert (found.pop("HOME"), found.pop("HOSTNAME")) == ("/pilot", endpoint.container_id()[:12])
        assert found.pop("container") == "podman"
    assert {key: value for key, value in found.items() if value} == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "GLIDEIN_Site": "Example-Site",
        "GLIDEIN_ResourceName": "Example-Resource",
        "GLIDEIN_Sit": "typo",
        "MEMORY": "512",
        "OSG_PROJECT_NAME": "A B",
        "ACCEPT_JOBS_FOR_HOURS": "62",
        "RETIREMENT_HOURS": "10",
        "ACCEPT_IDLE_MINUTES": "30",
        "CVMFSEXEC_DEBUG": "false",
        "GLIDEIN_RANDOMIZE_NAME": "false",
        "ENABLE_REMOTE_SYSLOG": "true",
        "ITB": "false",
        "_CONDOR_OSPOOL_EP_HOST": f'"{name}"',
        "_CONDOR_SLOT1_STARTD_ATTRS": "OSPOOL_EP_HOST",
    }
