"""``ospool-ep run``: run the service; systemd does this."""

import argparse
import os
from typing import Optional

from ospool_ep import exit_codes
from ospool_ep.system.helper_process import HelperProcess
from ospool_ep.system.helper_program import HelperFailed


def run(options: argparse.Namespace) -> int:
    """Run the service until it ends; ``--after-crash``: only carry out a stop, if one comes within a second."""
    if options.after_crash:
        from ospool_ep.system.systemd import stop_comes  # noqa: PLC0415

        # Who makes room does so for a restart, as a rule, which should not take longer for that.
        made_room = os.environ.get("EXIT_STATUS") == str(exit_codes.LEFT)
        if not stop_comes(seconds=0.2 if made_room else 1.0):
            return exit_codes.OK
    try:
        call = "service.helper_calls:read_to_stop" if options.after_crash else "service.helper_calls:read_to_start"
        inspection: Optional[HelperProcess] = HelperProcess(call, options.config)
    except HelperFailed:
        # The service tries again, and says so.
        inspection = None
    from ospool_ep.service import daemon  # noqa: PLC0415 - loaded while the configuration is read

    return daemon.run(options.config, inspection, only_stop=options.after_crash)
