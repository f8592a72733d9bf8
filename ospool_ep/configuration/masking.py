"""Text from the configuration as it may be shown: without a token, and without what upsets a terminal."""

import re

from ospool_ep.wording import printable

HIDDEN = "(hidden)"

# A JWT is base64url parts with dots between them, of which the first is a JSON object: {" is eyJ in base64.
# Every part that follows counts, and a token that was cut short, too.
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*")

_MOST_SHOWN = 80


def looks_like_token(text: str) -> bool:
    """Whether a token, or the beginning of one, stands somewhere in the text."""
    return _TOKEN.search(text) is not None


def mask(text: str) -> str:
    """The text with every token in it hidden."""
    return _TOKEN.sub(HIDDEN, text)


def quoted(value: str) -> str:
    """A value for a message: in quotes, on one line, of bounded length, and hidden whole if it holds a token."""
    if looks_like_token(value):
        return HIDDEN
    text = printable(value)
    return f'"{text}"' if len(text) <= _MOST_SHOWN else f'"{text[:_MOST_SHOWN]}…"'
