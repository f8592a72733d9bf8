"""A stop in order: the pilot says which jobs run, its HTCondor evicts them and leaves, and only then comes SIGTERM.

Under cvmfsexec SIGTERM ends everything in the container within half a second, and no job is evicted: the pool hears of
it only after the job's lease, 40 minutes later.
"""

import contextlib
import enum
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Optional

from ospool_ep.container.specification import PILOT_UID
from ospool_ep.engine.interface import Engine, EngineError, NoSuchContainer
from ospool_ep.pilot.answers import is_empty, read_jobs
from ospool_ep.pilot.commands import JOBS_COMMAND, LEAVE_COMMAND, LEAVE_SECONDS
from ospool_ep.pilot.state import Job

# A stop waits no longer than this for the pilot to say which jobs run.
LAST_QUESTION_SECONDS = 10.0
# From SIGTERM to SIGKILL where HTCondor has left, or never was there: supervisord gives its own children as long.
SIGTERM_SECONDS = 10


class _Stance(enum.Enum):
    ANSWERS = "its HTCondor answers"
    EMPTY = "no HTCondor runs in it, and no job"
    SILENT = "it does not answer"


def let_leave(
    engine: Engine, container_id: str, longest: int, tell: Callable[[Optional[tuple[Job, ...]]], None]
) -> int:
    """Let HTCondor leave, in ``longest`` seconds. Returns how many seconds SIGTERM is given after that.

    ``tell`` is called before, with the jobs that run, None where the pilot did not say. One that does not answer gets
    its SIGTERM at once.
    """
    begun = time.monotonic()
    stance = _ask(engine, container_id, tell)
    if stance is _Stance.EMPTY:
        return SIGTERM_SECONDS
    if stance is _Stance.SILENT or not _leaves(engine, container_id):
        return longest
    return max(SIGTERM_SECONDS, longest - int(time.monotonic() - begun))


def _ask(engine: Engine, container_id: str, tell: Callable[[Optional[tuple[Job, ...]]], None]) -> _Stance:
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    ask = threading.Thread(target=lambda: answers.put(_answer(engine, container_id)), name="pilot-jobs", daemon=True)
    ask.start()
    answer = ""
    with contextlib.suppress(queue.Empty):
        answer = answers.get(timeout=LAST_QUESTION_SECONDS)
    jobs = read_jobs(answer)
    tell(jobs)
    if is_empty(answer):
        return _Stance.EMPTY
    return _Stance.SILENT if jobs is None else _Stance.ANSWERS


def _answer(engine: Engine, container_id: str) -> str:
    try:
        return _run(engine, container_id, JOBS_COMMAND, LAST_QUESTION_SECONDS)[1]
    except EngineError:
        return ""


def _leaves(engine: Engine, container_id: str) -> bool:
    """Whether HTCondor has taken the order to leave: it has left now, or its time is up."""
    try:
        return _run(engine, container_id, LEAVE_COMMAND, LEAVE_SECONDS + LAST_QUESTION_SECONDS)[0] == 0
    except NoSuchContainer:
        return True
    except EngineError:
        return False


def _run(engine: Engine, container_id: str, command: Sequence[str], seconds: float) -> tuple[int, str]:
    done = engine.execute(container_id, command, user=str(PILOT_UID), timeout_seconds=seconds)
    return done.exit_code, done.output
