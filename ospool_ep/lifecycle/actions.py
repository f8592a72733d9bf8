"""The words of the lifecycle for what is done about an event: orders to perform, and messages for the journal."""

import enum
from dataclasses import dataclass
from typing import Union

from ospool_ep.lifecycle.state import State
from ospool_ep.pilot.state import NOTHING, Share


class Priority(enum.IntEnum):
    """The journal's priorities that we use (syslog's numbers)."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


class Order(enum.Enum):
    """What the service does next; those with an answer bring it back as an event."""

    LOOK = "look which pilots there are"
    PULL = "pull the image"
    FIND_IMAGE = "look which image the reference names here"
    CHECK_HOST = "look whether a pilot can be made on this host, and has room there"
    LAUNCH = "create and start the container of the only pilot"
    LAUNCH_CLOSED = "the same beside other pilots, so that it takes no job before it is told"
    TIDY = "give the last good image its name, and remove older ones"
    FORGET_DRAIN = "the drain that was asked for is done"
    END_SERVICE = "ask systemd to stop the service"
    TAKE_DOWN = "have this host reboot or power off, as is wanted, unless another service of it has a pilot"
    EXIT = "end the process"


class Verb(enum.Enum):
    """What is done to one pilot."""

    FOLLOW = "copy its log into the journal and wait for its end"
    DRAIN = "tell its HTCondor to take no new jobs and to end after the last"
    TELL = "tell its HTCondor what the other pilots hold"
    NAME = "give its container the known name, and take that from the one that has it"
    STOP = "stop it, bounded"
    REMOVE = "remove the container that has ended"


@dataclass(frozen=True)
class Do:
    """An order about the pilot in that container; ``share``: what it is told that the others hold."""

    verb: Verb
    container_id: str
    share: Share = NOTHING


@dataclass(frozen=True)
class Say:
    """A message for the journal. ``container_id``: of the pilot that it is about; empty: about none of them."""

    priority: Priority
    text: str
    container_id: str = ""


Action = Union[Order, Do, Say]
Outcome = tuple[State, tuple[Action, ...]]
