"""The world of the tests and of the demonstration: an engine, the images, a host, a pool; made from Debian packages.

Everything here needs the standard library only, so that it runs before there is a virtual environment. What it
makes lies in ``build/``, in RUN_DIRECTORY, or in an engine with LABEL on it; ``make clean`` removes just that.
"""

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"

# Two checkouts on one machine, or two engines, must not meet.
IDENTITY = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
LABEL = f"org.osg-htc.ospool-ep.world={IDENTITY}"

# A socket's path has at most 107 bytes, and that of a checkout may be longer.
RUN_DIRECTORY = Path(f"/run/ospool-ep-world-{IDENTITY}")
