"""What is said where a process of the service ends because of a bug, or of a limit of processes; pilots go on."""

import os
import threading
import traceback

from ospool_ep import exit_codes
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.system.host_failures import is_no_process, no_process
from ospool_ep.system.journal import Journal


def begins_anew() -> str:
    """Where no process, or no thread, could be made."""
    return f"The service starts anew, what runs goes on. {no_process()}"


def crash(failure: threading.ExceptHookArgs, journal: Journal) -> None:
    """A thread has died: end this process, with the reason in the journal."""
    code = exit_codes.BUG
    try:
        if failure.exc_value and is_no_process(failure.exc_value):
            code = exit_codes.FAILED
            journal.say(Priority.ERROR, begins_anew())
            return
        trace = "".join(traceback.format_exception(failure.exc_type, failure.exc_value, failure.exc_traceback))
        text = f"A bug of ospool-ep; the service starts anew, what runs goes on.\n{trace}"
        journal.say(Priority.ERROR, text)
    finally:
        os._exit(code)
