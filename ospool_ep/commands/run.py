"""``ospool-ep run``: run the service; systemd does this."""

import argparse
import os
import re
import shlex
from typing import Optional

from ospool_ep import exit_codes
from ospool_ep.system.helper_process import HelperProcess
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.this_service import LONGEST_INSTANCE, is_instance


def run(options: argparse.Namespace) -> int:
    """Run the service until it ends; ``--after-crash``: only carry out a stop, if one comes within a second."""
    if options.instance is not None and not is_instance(options.instance):
        return _no_name(options.instance)
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


def _no_name(text: str) -> int:
    """A unit whose name says no service: only a person can give it another one."""
    from ospool_ep.lifecycle.actions import Priority  # noqa: PLC0415 - no service starts
    from ospool_ep.system.journal import Journal  # noqa: PLC0415
    from ospool_ep.wording import printable  # noqa: PLC0415

    # What systemd-escape makes of a name that needs none.
    meant = re.sub(r"\\x([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), text)
    instead = f"ospool-ep@{meant}" if is_instance(meant) else "ospool-ep@NAME"
    rule = f"up to {LONGEST_INSTANCE} letters, digits, _ . and -, a letter or a digit first, and no escapes"
    mend = f"systemctl disable {shlex.quote(f'ospool-ep@{text}')}; systemctl enable --now {instead}"
    Journal().say(Priority.ERROR, f"{printable(text)} is no name of a service, which has {rule}. Mend it: {mend}")
    return exit_codes.CONFIG
