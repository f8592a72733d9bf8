"""``python3 -m ospool_ep`` is ``ospool-ep``."""

import sys

from ospool_ep.cli import main

sys.exit(main())
