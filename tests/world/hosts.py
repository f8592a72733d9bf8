"""Hosts that are ready for use: what is needed for one is made first, all of it."""

from pathlib import Path

from tests.images import recipes
from tests.support.host import Host
from tests.world import images
from tests.world.engine import OuterEngine, ensure_engine
from tests.world.progress import step


def boot_host(name: str) -> Host:
    """A fresh host of that name, the older one of the name removed. Its registry holds images.OFFERED."""
    engine = ensure_engine()
    image = images.ensure_stocked_host(engine, lambda image, archive: _stock(engine, image, archive))
    host = Host(engine, name)
    host.close()
    with step(f"booting the host {host.name}"):
        return host.boot(image)


def _stock(engine: OuterEngine, image: str, archive: Path) -> str:
    host = Host(engine, "stocking")
    host.close()
    host.boot(image)
    host.load_images(archive)
    for (name, variant), reference in images.OFFERED.items():
        host.do("docker", "tag", recipes.tag(name, variant), reference)
        host.do("docker", "push", "--quiet", reference)
    # A host must not boot with the identity and the journal of this one.
    host.do("sh", "-c", "rm -rf /var/log/journal/* && : >/etc/machine-id")
    engine.docker("stop", host.name)
    return host.name
