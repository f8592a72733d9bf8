"""How long a stop of the service may take, from SIGTERM to the exit; the unit gives it more (TimeoutStopSec=)."""

from ospool_ep.container.specification import STOP_TIMEOUT_SECONDS
from ospool_ep.engine.adapter import CONTROL_TIMEOUT_SECONDS
from ospool_ep.service.leaving import LAST_QUESTION_SECONDS, SIGTERM_SECONDS
from ospool_ep.system.systemctl import ANSWER_SECONDS

# What is in hand when the signal comes: a look for the pilot, or its start.
IN_HAND_SECONDS = 30.0
# The pilot's last lines, into a journal that is behind.
LAST_LINES_SECONDS = 10.0

# What the pilots have left in their scratch directories is removed; what takes longer is done at the next start.
SCRATCH_SECONDS = 10.0

# One after the other: systemd says whether it is a stop, what is in hand ends, the pilot says which jobs run, its
# HTCondor leaves, the engine ends it and answers, its last lines are copied, its container is removed, and its scratch
# directory. With several pilots each of it is done side by side. At the end of this time the process ends, and
# ExecStopPost= has another one finish what is left.
LONGEST_STOP_SECONDS = (
    ANSWER_SECONDS
    + IN_HAND_SECONDS
    + LAST_QUESTION_SECONDS
    + STOP_TIMEOUT_SECONDS
    + SIGTERM_SECONDS
    + CONTROL_TIMEOUT_SECONDS
    + LAST_LINES_SECONDS
    + CONTROL_TIMEOUT_SECONDS
    + SCRATCH_SECONDS
)
