"""When an engine that never came is started again."""

from ospool_ep.service.missed_engine import MissedEngine


def minutes(missed: MissedEngine, now: list[float], hours: int) -> list[float]:
    """In which minutes it is started, where it is missed every ten seconds."""
    started: list[float] = []
    for _ in range(hours * 360):
        now[0] += 10.0
        missed.missed(lambda: started.append(now[0] / 60))
    return started


def test_it_is_started_less_often_each_time_and_never_given_up() -> None:
    now = [0.0]
    started = minutes(MissedEngine(lambda: now[0]), now, 4)
    assert started[:5] == [1.0, 3.0, 7.0, 15.0, 31.0]
    assert [later - earlier for earlier, later in zip(started[5:], started[6:])] == [30.0] * 5


def test_one_that_has_answered_is_left_alone() -> None:
    now = [0.0]
    missed = MissedEngine(lambda: now[0])
    missed.answered()
    assert minutes(missed, now, 4) == []
