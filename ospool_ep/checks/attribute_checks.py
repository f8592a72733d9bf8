"""The operator's file of attributes for the pilot: what it says, or what is in the way of reading it.

Root reads it for the pilot, which gets what is in it, and not the file: what uid 1000 may read makes no difference.
"""

import os
import shlex
from collections.abc import Iterator
from typing import Optional

from ospool_ep.checks.path_checks import file_system_hint
from ospool_ep.checks.path_sight import Sight
from ospool_ep.checks.permissions import as_root
from ospool_ep.configuration.attributes_file import AttributesFile, read
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, about, error, warning
from ospool_ep.configuration.masking import quoted
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.container.advertised import short_name

KEY = "OSPOOL_EP_EXTRA_ATTRIBUTES"


def check_attributes(configuration: Configuration, sight: Optional[Sight], *, root: bool) -> AttributesFile:
    """What the file says, if there is one, and what is wrong with it. ``root``: root has looked at it."""
    if sight is None:
        return AttributesFile((), ())
    in_the_way = tuple(_in_the_way(sight, root=root))
    nothing = AttributesFile((), in_the_way)
    found = nothing if in_the_way or sight.content is None else read(sight.content, sight.path)
    return AttributesFile(found.attributes, tuple(about(KEY, configuration.line(KEY), found.findings)))


def check_host_name(configuration: Configuration, node_name: str) -> Iterator[Finding]:
    """Whether the name that the configuration asks for is one; ``node_name`` is the kernel's."""
    if configuration.truth("OSPOOL_EP_ADVERTISE_HOST") and not short_name(node_name):
        message = f"The name of this host ({quoted(node_name)}) tells it from no other one, and is not advertised."
        hint = "Give it a name: hostnamectl set-hostname NAME"
        yield warning("host-without-name", message, hint, **configuration.place("OSPOOL_EP_ADVERTISE_HOST"))


def _in_the_way(sight: Sight, *, root: bool) -> Iterator[Finding]:
    path, code, usual = shlex.quote(sight.path), "attributes-not-readable", OPTIONS[KEY].default
    if sight.hangs:
        yield error(code, f"{path} does not answer.", file_system_hint(sight.path))
    elif sight.missing and sight.path == usual:
        # Where there is nothing, nobody has looked.
        message = f"{path} is a symbolic link that leads nowhere."
        yield error("attributes-missing", message, f"Put the file there, or remove the link: rm {path}")
    elif sight.missing:
        hint = f"Put it there, or set {KEY}={usual}, which need not be there."
        yield error("attributes-missing", f"There is no file {path}.", hint)
    elif not sight.error and not sight.is_file:
        hint = "Put a file with the attributes in its place."
        yield error("attributes-not-a-file", f"{path} is {sight.kind_of_no_file}.", hint)
    elif sight.content is None:
        why = os.strerror(sight.error or sight.read_error or sight.path_error)
        if root:
            yield error(code, f"Root can't read {path} ({why}).", "Put it on a local disk.")
        else:
            message = f"Only root can read {path} ({why}): what it says was not examined."
            yield warning(code, message, as_root())
