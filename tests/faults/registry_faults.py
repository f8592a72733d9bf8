"""The registry fails while a new image is pulled, or while the service has to start; later it is well again."""

from collections.abc import Callable
from pathlib import Path

from tests.faults.fault import HANDED_OVER, fault
from tests.faults.image_faults import FRESH, make_fresh, wait_for_newest
from tests.faults.scene import Scene
from tests.support import registry_proxy

_UNIT = "docker-registry.service"
_CONFIG = "/etc/docker/registry/config.yml"
_BEHIND = "/run/registry-behind.yml"
_PORT = "5999"
_MODE = "/run/registry-mode"
_PROXY = "/srv/registry-proxy"
_PASSES_SECONDS = 15


def _proxied(scene: Scene) -> None:
    """Put the proxy in the registry's place; it has the image that is offered later."""
    make_fresh(scene)
    scene.do("systemctl", "stop", _UNIT)
    scene.host.write(_BEHIND, scene.host.read(_CONFIG).replace("127.0.0.1:80", f"127.0.0.1:{_PORT}"))
    scene.host.write(_PROXY, Path(registry_proxy.__file__).read_text())
    scene.host.write(_MODE, "well")
    scene.run_beside("registry-behind", "docker-registry", "serve", _BEHIND)
    scene.run_beside("registry-proxy", "python3", _PROXY, "80", _PORT, _MODE)
    scene.afterwards(lambda: _bare(scene))
    scene.answers(80)
    scene.answers(int(_PORT))


def _bare(scene: Scene) -> None:
    scene.end_beside("registry-proxy")
    scene.end_beside("registry-behind")
    scene.do("systemctl", "start", _UNIT)


def _failing(mode: str, said: str) -> Callable[[Scene], None]:
    """An update that the registry makes fail, the pilot runs on, and the registry is well again a while later."""

    def act(scene: Scene) -> None:
        scene.endpoint.offer_image(FRESH)
        scene.host.write(_MODE, mode)
        done = scene.host.run(scene.side.update, timeout=240)
        scene.let_pass(_PASSES_SECONDS)
        scene.host.write(_MODE, "well")
        if scene.ours:
            assert done.returncode == 1
            assert said in done.stderr

    return act


for _mode, _title, _said in (
    ("error", "an update, and the registry answers with an error in mid-pull", "500 Internal Server Error"),
    ("break", "an update, and the connection to the registry breaks in mid-pull", "EOF"),
    ("corrupt", "an update, and a layer does not have the digest that was promised", "verif"),
    ("unknown", "an update, and the registry does not know the tag", "manifest unknown"),
    ("login", "an update, and the registry wants credentials", "auth"),
    ("silent", "an update, and the registry accepts connections and says nothing", "imeout"),
):
    fault(_title, prepare=_proxied, name=f"registry-{_mode}")(_failing(_mode, _said))


@fault("an update, and the registry is slow: 15 s for a layer", prepare=_proxied, promise=HANDED_OVER)
def registry_slow(scene: Scene) -> None:
    scene.endpoint.offer_image(FRESH)
    scene.host.write(_MODE, "slow")
    scene.do(*scene.side.update)
    scene.handed_over()
    wait_for_newest(scene)


@fault(f"an update, and the registry is down for {_PASSES_SECONDS} s")
def registry_down(scene: Scene) -> None:
    scene.do("systemctl", "stop", _UNIT)
    done = scene.host.run(scene.side.update, timeout=240)
    scene.let_pass(_PASSES_SECONDS)
    scene.do("systemctl", "start", _UNIT)
    if scene.ours:
        assert done.returncode == 1


@fault(f"the main process is killed while the registry is down, for {_PASSES_SECONDS} s")
def sigkill_registry_down(scene: Scene) -> None:
    scene.do("systemctl", "stop", _UNIT)
    scene.kill("KILL")
    scene.let_pass(_PASSES_SECONDS)
    scene.do("systemctl", "start", _UNIT)
