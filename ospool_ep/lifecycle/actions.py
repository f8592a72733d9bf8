"""The words of the lifecycle for what is done about an event: orders to perform, and messages for the journal."""

import enum
from dataclasses import dataclass
from typing import Union

from ospool_ep.lifecycle.state import State


class Priority(enum.IntEnum):
    """The journal's priorities that we use (syslog's numbers)."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


class Order(enum.Enum):
    """What the service does next; those with an answer bring it back as an event."""

    LOOK = "look what stands under our name"
    PULL = "pull the image"
    FIND_IMAGE = "look which image the reference names here"
    CHECK_HOST = "look whether the next pilot can be made on this host"
    LAUNCH = "create and start the container"
    FOLLOW = "copy its log into the journal and wait for its end"
    DRAIN = "tell its HTCondor to take no new jobs and to end after the last"
    STOP = "stop it, bounded"
    REMOVE = "remove the container that has ended"
    TIDY = "give the last good image its name, and remove older ones"
    FORGET_DRAIN = "the drain that was asked for is done"
    END_SERVICE = "ask systemd to stop the service"
    EXIT = "end the process"


@dataclass(frozen=True)
class Say:
    """A message for the journal."""

    priority: Priority
    text: str


Action = Union[Order, Say]
Outcome = tuple[State, tuple[Action, ...]]
