"""Lend this host to the Open Science Pool: run the pilot container, and say truthfully how it does.

The version begins with the OSG release series, as the package's does: it names the default image.
"""

__version__ = "25.3.0"

OSG_SERIES = __version__.split(".", maxsplit=1)[0]
