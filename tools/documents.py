"""Makes the documents that follow from the option table: ``etc/ospool-ep.cfg`` and ``man/ospool-ep.cfg.5``.

``python3 -m tools.documents`` writes both. They are committed, so that a build needs no generator; a test says that
they are what this makes.
"""

import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from ospool_ep import __version__
from ospool_ep.configuration.option import GoesTo, Kind, Option, Section
from ospool_ep.configuration.options import OPTIONS, OWN_PREFIX

ROOT = Path(__file__).resolve().parents[1]
SHIPPED_FILE = "etc/ospool-ep.cfg"
MANUAL_PAGE = "man/ospool-ep.cfg.5"

_WIDTH = 100

_FILE_HEAD = """\
# What this host lends to the Open Science Pool. The manual page is ospool-ep.cfg(5).
#
# Fill in the two names below, put the token in place, and see what is still missing with: ospool-ep check
# After a change: systemctl reload ospool-ep. No running job is lost: where the change needs a new pilot, the
# running one hands over to it.
#
# A line is KEY=value, and the value is taken as written: no shell syntax, no comment behind it.
"""

_FILE_END = f"""
# Some more keys, for few sites, are in ospool-ep.cfg(5). Keys that are not known go to the pilot, with a warning.
# Those of the service itself begin with {OWN_PREFIX}.
"""

_KINDS = {
    Kind.TRUTH: "A truth value.",
    Kind.CPUS: "A positive whole number.",
    Kind.PILOT_HOURS: "A positive whole number, in digits and without a leading 0.",
    Kind.IDLE_MINUTES: "A positive whole number, without a leading 0.",
    Kind.PORT: "A port, without a leading 0.",
    Kind.MEGABYTES: "A positive whole number, in MB.",
    Kind.HOURS: "Hours, decimals allowed.",
    Kind.MINUTES: "Minutes, decimals allowed.",
    Kind.GIGABYTES: "GB, decimals allowed.",
    Kind.ENGINE: "One of these words in upper or lower case, or unix:// and an absolute path.",
    Kind.CHOICE: "One of these words, in upper or lower case.",
    Kind.PATH: "An absolute path.",
}


def shipped_file() -> str:
    """The text of the configuration file that the package installs."""
    parts = [_FILE_HEAD]
    for section, options in _by_section(option for option in OPTIONS.values() if option.shipped):
        rule = "-" * (_WIDTH - len(section.value) - 7)
        parts.append(f"\n# --- {section.value} {rule}\n")
        parts += [_entry(option) for option in options]
    return "".join([*parts, _FILE_END])


def _entry(option: Option) -> str:
    required = " Required." if option.required else ""
    comment = textwrap.fill(
        option.description + required, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
    widest = max(map(len, option.words), default=0)
    choices = "".join(f"#   {word:{widest}}  {meaning}\n" for word, meaning in option.choices)
    return f"\n{comment}\n{choices}{option.name}={option.default}\n"


def _by_section(options: Iterable[Option]) -> Iterator[tuple[Section, list[Option]]]:
    chosen = list(options)
    for section in Section:
        members = [option for option in chosen if option.section is section]
        if members:
            yield section, members


_PAGE_HEAD = r"""
.SH NAME
ospool-ep.cfg \- what this host lends to the Open Science Pool
.SH SYNOPSIS
.I /etc/osg/ospool-ep.cfg
.br
.IR /etc/osg/ospool-ep.d/ NAME .cfg
.SH DESCRIPTION
The configuration of
.BR ospool-ep (8).
Two keys have no default and must be set:
.B GLIDEIN_Site
and
.BR GLIDEIN_ResourceName .
.B ospool-ep check
finds what is wrong in the file, and
.B ospool-ep config
shows what each line means and who uses its value.
.PP
.B systemctl reload ospool\-ep
puts changes into effect.
A wrong file is refused, and the service goes on as before.
Where a change needs a new pilot, the running one hands over to it, and its jobs finish; see
.B THE HAND\-OVER
in
.BR ospool-ep (8).
.SS Syntax
A line is
.IR KEY = value ,
read as
.BR systemd.exec (5)
says of
.BR EnvironmentFile= :
the value is taken as written, without shell syntax, and nothing in it is expanded.
Empty lines and lines that begin with # or ; do not count; # further on in a line is a part of the value.
The whole value may stand in single or double quotes.
A backslash takes the next character as it is, and at the end of a line joins the next one;
the value of a key that stands in several lines is that of the last one.
.SS Truth values
.BR y ,
.BR yes ,
.BR t ,
.BR true ,
.BR on
and
.BR 1 ,
in upper or lower case, are true.
.BR n ,
.BR no ,
.BR f ,
.BR false ,
.BR off ,
.B 0
and an empty value are false; so is anything else, with a warning.
.SS Who uses a value
Values for the pilot become the environment of its container; nothing else does.
One that is empty is not passed on where the pilot has a default: that holds; a truth value then is false.
A key that is not listed here goes to the pilot, too, with a warning that names the nearest key that is.
.BI _CONDOR_ KNOB
makes any setting of HTCondor in the pilot; there is a warning only where that breaks something.
Keys that begin with
.B OSPOOL_EP_
are those of the service itself.
.SS Several services on one host
Each service
.BI ospool-ep@ NAME
has a file of its own,
.IR /etc/osg/ospool-ep.d/ NAME .cfg ,
which has to be there, and may be empty.
A key that is set there holds for this service alone; one that is set to nothing is at its default.
All others come from
.IR /etc/osg/ospool-ep.cfg ,
the common file, which is that of
.B ospool-ep
itself, too: what it says of a key that no file of a service's own sets holds for each of them.
.B ospool-ep config \-\-instance
.I NAME
shows which value comes from which file.
.PP
The services lend together no more than this host has, and nothing twice.
.B ospool-ep check
says so where
.B NUM_CPUS
of all of them exceed its cores, or
.BR MEMORY ,
with 100 MB more for each container, its memory, where one without such a value stands for all of it;
where two offer the same GPU; and where two have one
.BR WORKER_TEMP_DIR ,
or one in the other.
Those services count that systemd starts at boot, or that run:
.B ospool-ep
itself counts unless it is disabled and stopped.
They may share a token, a
.BR GLIDEIN_ResourceName ,
.BR OSPOOL_EP_CVMFS_CACHE ,
.B OSPOOL_EP_CVMFS_LOGS
and a network.
.PP
A service that would lend too much starts no pilot, says why, and looks again by itself.
It is the one that comes later: who has its pilots goes on, and of those that start together
.B ospool-ep
itself comes first, and then each by its name.
"""

_PAGE_END = r"""
.SH FILES
.TP
.I /etc/osg/ospool-ep.cfg
The common file; on a host with one service the only one.
.TP
.IR /etc/osg/ospool-ep.d/ NAME .cfg
What
.BI ospool-ep@ NAME
has for itself. A name has letters, digits, _ . and \-, at most 40 of them, and begins with a letter or a digit.
With
.BI \-\-config " FILE"
both are looked for beside each other:
.I FILE
and
.IR ospool-ep.d/ NAME .cfg
in its directory.
.SH EXAMPLE
.EX
GLIDEIN_Site=Example\-University
GLIDEIN_ResourceName=Example\-EP\-1
WORKER_TEMP_DIR=/scratch
OSG_SQUID_LOCATION=http://squid.example.edu:3128
CVMFSEXEC_REPOS=oasis.opensciencegrid.org singularity.opensciencegrid.org
NUM_CPUS=8
MEMORY=16000
.EE
.SH SEE ALSO
.BR ospool-ep (8),
.BR systemd.exec (5)
"""

_USED_BY = {
    GoesTo.HOST: "For the service.",
    GoesTo.PILOT: "For the pilot.",
    GoesTo.BOTH: "For the service and the pilot.",
    GoesTo.NOWHERE: "For nobody any more.",
}


def manual_page() -> str:
    """The source of ospool-ep.cfg(5), in the man macros of roff."""
    lines = [
        r".\" Made by tools/documents.py from ospool_ep/options.py: change it there.",
        f'.TH OSPOOL\\-EP.CFG 5 "" "ospool\\-ep {__version__}" "File formats"',
        ".nh",
        ".ad l",
        _PAGE_HEAD.strip(),
        ".SH KEYS",
    ]
    for section, options in _by_section(OPTIONS.values()):
        lines.append(f".SS {section.value}")
        for option in options:
            lines += [".TP", f".B {_roff(option.name)}", *_paragraph(option)]
    return "\n".join([*lines, _PAGE_END.strip(), ""])


def _paragraph(option: Option) -> Iterator[str]:
    for sentence in option.description.split(". "):
        yield _roff(sentence.removesuffix(".") + ".")
    for word, meaning in option.choices:
        yield from (".br", f".IR {_roff(word)} :", _roff(meaning))
    if option.choices:
        yield ".br"
    if option.obsolete:
        yield _roff(option.successor)
        return
    facts = ["Required."] if option.required else []
    facts += [_KINDS[option.kind]] if option.kind in _KINDS else []
    facts += [f"Default: {option.default}."] if option.default else []
    yield from map(_roff, [*facts, _USED_BY[option.goes_to]])


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


DOCUMENTS = {SHIPPED_FILE: shipped_file, MANUAL_PAGE: manual_page}


def main() -> int:
    """Write the documents into the tree."""
    for path, make in DOCUMENTS.items():
        (ROOT / path).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
