"""What an operator is told where the pool refuses a pilot: worked out now and then, and remembered in between."""

import time

from ospool_ep.system.file_stamp import stamp
from ospool_ep.system.helper_process import HelperProcess
from ospool_ep.system.helper_program import HelperFailed

# It says how old a token is, and when it expires; for so long it is true enough.
_ADVICE_SECONDS = 3600.0


class Advice:
    """The last advice: a pool that refuses a pilot does so every few seconds, and a process for each is too much."""

    def __init__(self, configuration: str, token_location: str) -> None:
        """``configuration`` as JSON, as helper processes take it; ``token_location`` empty where no file is used."""
        self._configuration = configuration
        self._token_location = token_location
        self._last: tuple[object, float, str] = (None, 0.0, "")

    def on(self, identity: str) -> str:
        """Why the pool may refuse the pilot that it knows by that identity, and what to do; empty: not known."""
        about, now = (identity, stamp(self._token_location)), time.monotonic()
        if self._last[0] != about or now - self._last[1] > _ADVICE_SECONDS:
            helper = "service.helper_calls:explain_refusal"
            try:
                text = HelperProcess(helper, self._configuration, identity).value(str)
            except HelperFailed:
                return ""
            self._last = about, now, text
        return self._last[2]
