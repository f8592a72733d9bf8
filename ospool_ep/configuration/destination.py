"""Where each value goes: to the host side, into the environment of the pilot, or, as a token does, nowhere."""

from ospool_ep.configuration.masking import looks_like_token
from ospool_ep.configuration.option import GoesTo
from ospool_ep.configuration.options import OPTIONS, OWN_PREFIX


def destination(key: str, value: str) -> GoesTo:
    """Who gets that value of that key."""
    unknown = GoesTo.NOWHERE if key.startswith(OWN_PREFIX) else GoesTo.PILOT
    goes_to = OPTIONS[key].goes_to if key in OPTIONS else unknown
    # All users who can ask the engine see a container's environment: it is no place for a secret.
    return GoesTo.NOWHERE if goes_to.reaches_pilot and looks_like_token(value) else goes_to
