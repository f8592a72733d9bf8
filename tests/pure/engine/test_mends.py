"""What engines and registries say when a pull fails, in their real words, and the mend that follows."""

import pytest

from ospool_ep.engine.mends import Host, mend

DOCKER = Host("docker", "amd64", "/data/docker")
PODMAN = Host("podman", "arm64", "/data/podman")
IMAGE = "hub.example:5000/osg/pilot:25"

LOGIN = {
    "docker": "`docker login hub.example:5000`",
    "podman": "`podman login --authfile=/root/.config/containers/auth.json hub.example:5000`",
}

# By the engine: what it was seen to say, or its source shows, and words of the mend.
PLATFORM = "for this host's architecture, {}."
HTTP = {"docker": '"insecure-registries": ["hub.example:5000"] in /etc/docker/daemon.json',
        "podman": 'the lines [[registry]], location = "hub.example:5000" and insecure = true'}  # fmt: skip
CERTIFICATES = {
    "docker": "/etc/docker/certs.d/hub.example:5000/ca.crt",
    "podman": "/etc/containers/certs.d/hub.example:5000/ca.crt",
}
CURL = "`curl -vI https://hub.example:5000/v2/`"
NAME = "Is the name right? It can be set as OSPOOL_EP_IMAGE."
LIMIT = "wait for some hours"

SAID_BY_DOCKER = [
    # Docker 28.2 with its own store of images; 20.10 says the same but for "tls: failed to verify certificate".
    (("toomanyrequests: You have reached your unauthenticated pull rate limit."
     " https://www.docker.com/increase-rate-limit"), LIMIT),
    ("unauthorized", LOGIN["docker"]),
    ("unauthorized: authentication required", LOGIN["docker"]),
    ("Get \"https://hub.example:5000/v2/osg/pilot/manifests/25\": no basic auth credentials", LOGIN["docker"]),
    ("denied", LOGIN["docker"]),
    ("denied: requested access to the resource is denied", LOGIN["docker"]),
    ("pull access denied for osg/pilot, repository does not exist or may require 'docker login'", LOGIN["docker"]),
    ("Get \"https://hub.example:5000/v2/\": unauthorized: incorrect username or password", LOGIN["docker"]),
    ("name unknown", NAME),
    ("manifest unknown", NAME),
    ("manifest for hub.example:5000/osg/pilot:25 not found: manifest unknown: manifest unknown", NAME),
    ("no matching manifest for linux/amd64 in the manifest list entries", PLATFORM.format("amd64")),
    ("received unexpected HTTP status: 503 Service Unavailable", CURL),
    ("Get \"https://hub.example:5000/v2/\": dial tcp 192.0.2.1:5000: connect: connection refused", CURL),
    ("Get \"https://192.0.2.1/v2/\": dial tcp 192.0.2.1:443: connect: network is unreachable", CURL),
    ("Get \"https://192.0.2.1/v2/\": dial tcp 192.0.2.1:443: connect: no route to host", CURL),
    (("Get \"https://hub.example:5000/v2/\": net/http: request canceled while waiting for connection"
     " (Client.Timeout exceeded while awaiting headers)"), CURL),
    ("Get \"https://hub.example:5000/v2/\": context deadline exceeded", CURL),
    ("Get \"https://hub.example:5000/v2/\": net/http: TLS handshake timeout", CURL),
    ("Get \"https://hub.example:5000/v2/\": EOF", CURL),
    ("nothing came for 300 s", CURL),
    ("Get \"https://hub.example:5000/v2/\": dial tcp: lookup hub.example on 192.0.2.53:53: no such host",
     "`getent hosts hub.example`"),
    ("Get \"https://hub.example:5000/v2/\": dial tcp: lookup hub.example on 192.0.2.53:53: server misbehaving",
     "`getent hosts hub.example`"),
    ("Get \"https://hub.example:5000/v2/\": proxyconnect tcp: dial tcp 192.0.2.9:3128: connect: connection refused",
     "`systemctl show --property=Environment docker`"),
    ("Get \"https://hub.example:5000/v2/\": http: server gave HTTP response to HTTPS client", HTTP["docker"]),
    ("Get \"https://hub.example:5000/v2/\": x509: certificate signed by unknown authority", CERTIFICATES["docker"]),
    (("Get \"https://hub.example:5000/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown"
     " authority"), CERTIFICATES["docker"]),
    (("Get \"https://hub.example:5000/v2/\": tls: failed to verify certificate: x509: certificate has expired or is not"
     " yet valid: current time 2026-11-29T02:50:00Z is after 2021-01-01T00:00:00Z"), "`timedatectl`"),
    ("Get \"https://hub.example:5000/v2/\": x509: certificate is valid for other.example, not hub.example", CURL),
    ("write /data/docker/tmp/GetImageBlob1: no space left on device", "`df -h /data/docker` and `docker system df`"),
    (("failed to copy: failed to send write: write /srv/containerd/io.containerd.content.v1.content/ingest/0a/data: no"
      " space left on device: unknown"), "`df -h /srv/containerd` and `docker system df`"),
    # With containerd's store: moby, daemon/containerd/image_pull.go; containerd, core/remotes/docker.
    ("no matching manifest for linux/amd64 in the manifest list entries: no match for platform in manifest: not found",
     PLATFORM.format("amd64")),
    ("no match for platform in manifest: not found", PLATFORM.format("amd64")),
    (("failed to resolve reference \"hub.example:5000/osg/pilot:25\": unexpected status from HEAD request to"
     " https://hub.example:5000/v2/osg/pilot/manifests/25: 429 Too Many Requests"), LIMIT),
    ("failed to resolve reference \"hub.example:5000/osg/pilot:25\": hub.example:5000/osg/pilot:25: not found", NAME),
    (("failed to resolve reference \"hub.example:5000/osg/pilot:25\": unexpected status from HEAD request to"
     " https://hub.example:5000/v2/osg/pilot/manifests/25: 403 Forbidden"), LOGIN["docker"]),
    (("pull access denied, repository does not exist or may require authorization: server message: insufficient_scope:"
     " authorization failed"), LOGIN["docker"]),
    (("failed to copy: httpReadSeeker: failed open: unexpected status code"
     " https://hub.example:5000/v2/osg/pilot/blobs/sha256:1: 500 Internal Server Error"), CURL),
]  # fmt: skip
_PODMAN_4 = "initializing source docker://hub.example:5000/osg/pilot:25: "
_PINGING = f'{_PODMAN_4}pinging container registry hub.example:5000: Get "https://hub.example:5000/v2/": '
_READING = f"{_PODMAN_4}reading manifest 25 in hub.example:5000/osg/pilot: "
SAID_BY_PODMAN = [
    # Podman 5.4, which says the innermost reason only.
    (("toomanyrequests: You have reached your unauthenticated pull rate limit."
     " https://www.docker.com/increase-rate-limit"), LIMIT),
    ("unauthorized", LOGIN["podman"]),
    ("denied", LOGIN["podman"]),
    ("name unknown", NAME),
    ("manifest unknown", NAME),
    ("received unexpected HTTP status: 502 Bad Gateway", CURL),
    ("http: server gave HTTP response to HTTPS client", HTTP["podman"]),
    ("x509: certificate signed by unknown authority", CERTIFICATES["podman"]),
    ("net/http: TLS handshake timeout", CURL),
    ("lookup hub.example on 192.0.2.53:53: no such host", "`getent hosts hub.example`"),
    ("connection refused", CURL),
    ("network is unreachable", CURL),
    ("no image found in manifest list for architecture \"arm64\", variant \"\", OS \"linux\"",
     PLATFORM.format("arm64")),
    ("no image found in image index for architecture \"arm64\", variant \"\", OS \"linux\"", PLATFORM.format("arm64")),
    # Podman 4.3.
    (_READING + "toomanyrequests: You have reached your unauthenticated pull rate limit."
     " https://www.docker.com/increase-rate-limit", LIMIT),
    (_READING + "unauthorized", LOGIN["podman"]),
    (_READING + "denied", LOGIN["podman"]),
    (_READING + "name unknown", NAME),
    (_READING + "manifest unknown", NAME),
    (_READING + "received unexpected HTTP status: 503 Service Unavailable", CURL),
    (_PINGING + "http: server gave HTTP response to HTTPS client", HTTP["podman"]),
    (_PINGING + "x509: certificate signed by unknown authority", CERTIFICATES["podman"]),
    (_PINGING + "dial tcp: lookup hub.example on 192.0.2.53:53: no such host", "`getent hosts hub.example`"),
    (_PINGING + "dial tcp 192.0.2.1:5000: connect: connection refused", CURL),
    (_PINGING + "dial tcp 192.0.2.1:5000: connect: network is unreachable", CURL),
    (_PINGING + "proxyconnect tcp: EOF", "`systemctl show --property=Environment podman`"),
    (("choosing an image from manifest list docker://hub.example:5000/osg/pilot:25: no image found in manifest list for"
     " architecture arm64, variant \"\", OS linux"), PLATFORM.format("arm64")),
    # go.podman.io/image and go.podman.io/common, by their sources.
    (_PODMAN_4 + "unable to retrieve auth token: invalid username/password: unauthorized: incorrect username or"
     " password", LOGIN["podman"]),
    (("short-name \"pilot\" did not resolve to an alias and no unqualified-search registries are defined in"
     " \"/etc/containers/registries.conf\""), "Name the registry, too, in OSPOOL_EP_IMAGE"),
    ("short-name resolution enforced but cannot prompt without a TTY", "Name the registry, too"),
    ("writing blob: storing blob to file \"/var/tmp/storage1/1\": write /var/tmp/storage1/1: no space left on device",
     "`df -h /var/tmp` and `podman system df`"),
    (("writing blob: storing blob to file \"/tmp/a b/container_images_storage2697/1\": write"
      " /mnt/tmp/container_images_storage2697/1: no space left on device"), "`df -h /mnt/tmp` and"),
    (("copying system image from manifest list: writing blob: adding layer with blob \"sha256:0a\": unpacking failed"
      " (error: exit status 1; output: write /usr/lib/os-release: no space left on device)"),
     "`df -h /data/podman` and"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("host", "reason", "words"),
    [(DOCKER, *said) for said in SAID_BY_DOCKER] + [(PODMAN, *said) for said in SAID_BY_PODMAN],
)
def test_what_an_engine_or_a_registry_says_has_its_mend(host: Host, reason: str, words: str) -> None:
    told = mend(reason, IMAGE, host)
    assert words in told
    assert told.startswith(" ")
    assert told.endswith((".", "?"))
    assert "\n" not in told


@pytest.mark.parametrize(
    "reason", sorted({reason for reason, _ in SAID_BY_DOCKER} & {reason for reason, _ in SAID_BY_PODMAN})
)
def test_no_mend_names_the_engine_that_is_not_there(reason: str) -> None:
    assert "podman" not in mend(reason, IMAGE, DOCKER)
    assert "docker " not in mend(reason, IMAGE, PODMAN)


def test_what_an_engine_may_not_do_on_this_host_is_no_matter_of_a_login() -> None:
    assert "login" not in mend("open /data/docker/tmp/1: permission denied", IMAGE, DOCKER)


def test_what_nobody_knows_has_no_mend() -> None:
    assert mend("a wonder", IMAGE, DOCKER) == ""


def test_for_a_reference_that_is_none_no_registry_has_a_mend() -> None:
    assert mend("invalid reference format, not found", "https://hub.example/pilot:25", DOCKER) == ""
