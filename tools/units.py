"""Makes ``systemd/ospool-ep@.service``, the template for several services on one host, from ``ospool-ep.service``.

``python3 -m tools.units`` writes it. It is committed, so that a build needs no generator; a test says that it is what
this makes.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MADE_FROM = "systemd/ospool-ep.service"
TEMPLATE = "systemd/ospool-ep@.service"

_HEAD = """\
# ospool-ep@NAME.service reads /etc/osg/ospool-ep.d/NAME.cfg over /etc/osg/ospool-ep.cfg; see ospool-ep(8). It is made
# from ospool-ep.service by tools/units.py, and differs from it in the name alone: NAME as it stands in the unit's name
# (%i), for what systemd would make of its escapes is no name of a service.
"""
_COMMAND = re.compile("/usr/bin/ospool-ep (run|reload)")
_DIRECTORY = re.compile("^(RuntimeDirectory|StateDirectory)=ospool-ep$", re.MULTILINE)
_DESCRIPTION = re.compile("^(Description=.*)$", re.MULTILINE)


def template() -> str:
    """The text of the template. ValueError: the service's unit is not as it is known here."""
    text = (ROOT / MADE_FROM).read_text(encoding="utf-8")
    for pattern, replacement, times in (
        (_DESCRIPTION, r"\1, %i", 1),
        # The shell of ExecStopPost= must not take a backslash for its own.
        (_COMMAND, r'/usr/bin/ospool-ep \1 "--instance=%i"', 3),
        (_DIRECTORY, r"\1=ospool-ep@%i", 2),
    ):
        text, found = pattern.subn(replacement, text)
        if found != times:
            raise ValueError(f"{MADE_FROM} has {found} places of {pattern.pattern}, and not {times}")
    return _HEAD + text


if __name__ == "__main__":
    (ROOT / TEMPLATE).write_text(template(), encoding="utf-8")
