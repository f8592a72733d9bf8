"""``ospool-ep update``: pull the image beside the running pilot, and say whether the next one will be newer."""

import json
import sys

from ospool_ep import exit_codes, pilot_container
from ospool_ep.configuration import read_configuration
from ospool_ep.docker_engine import DockerEngine
from ospool_ep.engine import Engine, EngineError
from ospool_ep.findings import has_errors


def update(config_path: str, as_json: bool) -> int:
    """Pull and report. 0: done, new or not; 1: the registry or the engine failed; 78: no sound configuration."""
    configuration, findings = read_configuration(config_path)
    if has_errors(findings):
        print(f"ospool-ep update: {config_path} has errors. Show them: ospool-ep check", file=sys.stderr)
        return exit_codes.CONFIG
    image = pilot_container.image_reference(configuration)
    try:
        before, after = _pull(DockerEngine(), image)
    except EngineError as error:
        print(f"ospool-ep update: {error}", file=sys.stderr)
        return exit_codes.FAILED
    if as_json:
        print(json.dumps({"image": image, "before": before, "after": after, "changed": before != after}))
    elif before == after:
        print(f"{image} is up to date ({after}).")
    else:
        print(f"{image} is new here ({after}). The running pilot keeps its own; the next one uses the new image.")
    return exit_codes.OK


def _pull(engine: Engine, image: str) -> tuple[str, str]:
    """Pull, with the progress on a terminal. Returns the digest before (empty: none) and after."""
    on_terminal = sys.stderr.isatty()
    before = _digest(engine, image)
    for progress in engine.pull(image):
        if on_terminal:
            print(f"\rPulling {image}: {progress.percent:3d} %", end="", file=sys.stderr, flush=True)
    if on_terminal:
        print(file=sys.stderr)
    return before, _digest(engine, image)


def _digest(engine: Engine, image: str) -> str:
    local = engine.image(image)
    return local.digest or local.id if local else ""
