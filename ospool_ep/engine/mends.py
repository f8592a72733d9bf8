"""What to do about a pull that has failed, by the words of the one that refused.

Each engine says it in words of its own, and Docker in others with containerd's store of images (the default of a new
Docker 29); Podman 5 says no more than the innermost reason. The registries' words come through all of them.
Sources: what Docker 28.2, Podman 4.3 and Podman 5.4 said to registries that failed on purpose; moby's
daemon/containerd/image_pull.go; go.podman.io/image's docker/docker_client.go.
"""

import re
from dataclasses import dataclass

from ospool_ep.configuration import image_reference
from ospool_ep.engine.credentials import login_command


@dataclass(frozen=True)
class Host:
    """What a mend depends on: the engine's kind, this host's architecture as images call it, and where images are."""

    kind: str
    architecture: str
    image_directory: str


_CURL = "`curl -vI https://{registry}/v2/` shows what this host gets from the registry."
_CERTIFICATES = {"docker": "/etc/docker/certs.d", "podman": "/etc/containers/certs.d"}
_HTTP_ALLOWED = {
    "docker": '"insecure-registries": ["{registry}"] in /etc/docker/daemon.json and `systemctl reload docker`',
    "podman": "a file in /etc/containers/registries.conf.d with the lines [[registry]], location = \"{registry}\""
    " and insecure = true, and `systemctl restart podman`",
}  # fmt: skip

# Where an engine writes what it downloads when that is not where its images are: Podman's directory for temporary
# files, and containerd's own.
_DOWNLOADS = re.compile(r"(/[^\s:\"]*)/(?:(?:container_images_)?storage\d|io\.containerd\.)")

# The first whose words are there is the one: what is general stands after what is special.
_MENDS = (
    ("no space left on device|disk quota exceeded",
     ("The disk of {directory} is full: `df -h {directory}` and `{engine} system df` show what fills it,"
      " `{engine} image prune` removes the images that nothing uses.")),
    ("toomanyrequests|too many requests|rate limit",
     ("The registry limits how often a host may pull: wait for some hours, or log in, as root, for a higher limit:"
      " `{login}`.")),
    ("no matching manifest for|no match for (current )?platform|no image found in",
     ("There is no such image for this host's architecture, {architecture}."
      " Name one that is for it as OSPOOL_EP_IMAGE.")),
    ("short-?name",
     "Name the registry, too, in OSPOOL_EP_IMAGE, as in {registry}/NAME."),
    ("server gave http response to https client|does not look like a tls handshake",
     "The registry does not speak HTTPS. If that is meant to be so, allow it: {http_allowed}."),
    ("has expired or is not yet valid",
     "Is the clock right? `timedatectl` shows it. If it is, the registry needs a new certificate."),
    ("unknown authority|self[- ]signed certificate",
     "Put the certificate of the registry's authority into {certificates}/{registry}/ca.crt if you trust it."),
    (("unauthorized|authentication required|no basic auth|authorization failed|invalid username/password|403 forbidden|"
      "(?<!permission )denied"),
     "If the name is right, `{login}`, as root, gives this host access."),
    ("no such host|server misbehaving|name resolution",
     "This host's DNS has no answer: `getent hosts {host}` must give an address."),
    ("proxyconnect|proxy authentication",
     "The engine goes through a proxy: `systemctl show --property=Environment {engine}` shows which."),
    ("manifest unknown|name unknown|not found|not known to registry",
     "Is the name right? It can be set as OSPOOL_EP_IMAGE."),
    (("x509|certificate|tls|connection re(fused|set)|unreachable|no route to host|time(d )?-?out|dial tcp|eof|"
      "nothing came|http status|unexpected status|deadline exceeded"),
     _CURL),
)  # fmt: skip


def mend(reason: str, reference: str, host: Host) -> str:
    """What to do where the engine or the registry gave that reason, after a space; empty where nothing helps."""
    try:
        registry = image_reference.parse(reference).registry
    except image_reference.InvalidReference:
        return ""
    downloads = _DOWNLOADS.search(reason)
    for words, text in _MENDS:
        if re.search(words, reason.lower()):
            return " " + text.format(
                registry=registry,
                host=registry.partition(":")[0],
                engine=host.kind,
                architecture=host.architecture,
                directory=downloads[1] if downloads else host.image_directory,
                login=login_command(host.kind, registry),
                certificates=_CERTIFICATES[host.kind],
                http_allowed=_HTTP_ALLOWED[host.kind].format(registry=registry),
            )
    return ""
