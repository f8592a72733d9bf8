"""``ospool-ep run``: run the service; systemd does this."""

import argparse
import gc
import os
import sys

from ospool_ep import exit_codes
from ospool_ep.system.helper_process import Call, NoResult


def run(options: argparse.Namespace) -> int:
    """Run the service until it ends; ``--after-crash``: only carry out a stop, if one comes within a second."""
    if options.after_crash:
        from ospool_ep.system.systemd import stop_comes  # noqa: PLC0415

        # Who makes room does so for a restart, as a rule, which should not take longer for that.
        made_room = os.environ.get("EXIT_STATUS") == str(exit_codes.LEFT)
        if not stop_comes(seconds=0.2 if made_room else 1.0):
            return exit_codes.OK
    return _serve(options.config, only_stop=options.after_crash)


def _serve(config_path: str, *, only_stop: bool = False) -> int:
    try:
        # Begun before all that the service consists of is loaded: two processes are quicker than one.
        reading = Call("service.inspection:read", config_path, fork=True)
    except NoResult as failure:
        print(f"ospool-ep run: {failure}", file=sys.stderr)
        return exit_codes.FAILED
    from ospool_ep.service.daemon import run  # noqa: PLC0415

    # What is loaded by now stays for good.
    gc.freeze()
    gc.enable()
    code = run(config_path, reading, only_stop=only_stop)
    sys.stderr.flush()
    # Whoever stops the service waits for its end: what Python would do before that is of no use to anybody.
    os._exit(code)
