"""The fingerprint of a container: it tells whether a running pilot was made from another configuration."""

import json
from dataclasses import asdict, replace
from typing import Any

from ospool_ep.container.specification import ContainerSpec

# These may change from one release of the package to the next without the pilot being any different, and must
# not make a running one look outdated.
_NOT_THE_PILOTS = frozenset(("labels", "log_max_bytes", "stop_timeout_seconds"))


def fingerprint(spec: ContainerSpec) -> str:
    """A stable hash of all that the pilot depends on; the content of the files it mounts is no part of it.

    The order of lists makes no difference. What is empty is left out, so that a field which is new here, and
    empty, leaves the fingerprints of the pilots that already run as they are.
    """
    # The pilots that already run do not have it, and are none the worse for it where they run.
    without = replace(spec, security_options=tuple(word for word in spec.security_options if word != "label=disable"))
    parts = {
        name: sorted(map(_filled, value), key=repr) if isinstance(value, tuple) else value
        for name, value in asdict(without).items()
        if value and name not in _NOT_THE_PILOTS
    }
    import hashlib  # noqa: PLC0415 - a library of megabytes, for what the service does not do itself

    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _filled(item: Any) -> Any:
    return {name: value for name, value in item.items() if value} if isinstance(item, dict) else item
