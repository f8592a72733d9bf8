"""Hosts that are ready for use: what is needed for one is made first, all of it."""

from pathlib import Path

from tests.images import recipes
from tests.support.container_host import ContainerHost
from tests.support.endpoint import Endpoint
from tests.support.host import Host
from tests.support.pool import Pool
from tests.world import images
from tests.world.engine import OuterEngine, ensure_engine
from tests.world.progress import step
from tests.world.rpm import ensure_package


def boot_host(name: str) -> ContainerHost:
    """A fresh host of that name, the older one of the name removed. Its registry holds images.OFFERED."""
    engine = ensure_engine()
    image = ensure_image(engine)
    host = ContainerHost(engine, name)
    host.close()
    with step(f"booting the host {host.name}"):
        return host.boot(image)


def ensure_image(engine: OuterEngine) -> str:
    """Make the image of such a host, with all that goes into it, and return its tag."""
    return images.ensure_stocked_host(engine, lambda image, archive: _stock(engine, image, archive))


def _stock(engine: OuterEngine, image: str, archive: Path) -> str:
    host = ContainerHost(engine, "stocking")
    host.close()
    host.boot(image)
    host.load_images(archive)
    for reference, (name, variant) in images.OFFERED.items():
        host.do("docker", "tag", recipes.tag(name, variant), reference)
        host.do("docker", "push", reference)
    # A host must not boot with the identity and the journal of this one.
    host.do("sh", "-c", "rm -rf /var/log/journal/* && : >/etc/machine-id")
    engine.docker("stop", host.name)
    return host.name


def install_package(host: Host) -> None:
    """Build the RPM of this tree, offer it in the host's dnf repository, and install it from there."""
    package = ensure_package()
    with step(f"dnf install {package.name}"):
        host.publish_packages([package])
        host.do("dnf", "--assumeyes", "--quiet", "install", "ospool-ep")


def start_pool(host: Host) -> Pool:
    """A central manager with a job queue, in a container of the host's engine."""
    engine = host.engine
    pool = Pool(host.run, address=engine.bridge_address, docker=engine.command, patience=host.patience)
    with step("starting the HTCondor pool"):
        if host.try_docker("image", "inspect", images.MANAGER).returncode != 0:
            host.docker("pull", "--quiet", images.MANAGER)
        pool.start(images.MANAGER)
    return pool


def boot_endpoint(name: str) -> Endpoint:
    """A fresh host with a pool and the package: ready for its administrator."""
    return make_endpoint(boot_host(name))


def make_endpoint(host: Host) -> Endpoint:
    """Of a host, by a pool and the package."""
    install_package(host)
    endpoint = Endpoint(host, start_pool(host))
    endpoint.remember_installed()
    return endpoint
