"""A host that is played, with one process of ours after another, which may die at any moment.

It checks what an operator is promised on what truly runs, and not on what the lifecycle says of it.
"""

from typing import Optional

from ospool_ep.lifecycle.sight import ABSENT_SECONDS
from ospool_ep.lifecycle.state import Stage
from tests.pure.lifecycle.host import IN_POOL
from tests.pure.lifecycle.played.checks import check_quiet
from tests.pure.lifecycle.played.container import Container
from tests.pure.lifecycle.played.people import PlayedPeople
from tests.pure.lifecycle.played.service import PlayedService
from tests.pure.lifecycle.played.told import NO_PILOT
from tests.pure.lifecycle.played.world import GOOD_TOKEN, LASTING

# More steps than ever follow from one happening: a service that gets there spins.
_MOST_STEPS = 1500
_MOST_RESTS = 150


class PlayedHost(PlayedService, PlayedPeople):
    """All of it, and what goes on there by itself, until it comes to rest."""

    def perform(self, lane: str) -> None:
        if not (self.lost_in and lane.startswith(self.lost_in) and self.is_change(lane)):
            super().perform(lane)
            return
        if self.lost_with_engine:
            self.engine_goes(orders_end=True)
        else:
            self.begin(orders_end=True)

    def go_on(self, steps: Optional[int] = None) -> int:
        """All that follows by itself, or the first steps of it, and how many there were; fails where it never ends."""
        self.jobs_begin()
        for count in range(_MOST_STEPS if steps is None else steps):
            if not self._goes_on():
                check_quiet(self)
                return count
            self.jobs_begin()
        assert steps is not None, f"the host never comes to rest: {self.state}"
        return steps

    def _goes_on(self) -> bool:
        if steps := self.next_steps():
            steps[0]()
            return True
        if self.pulls and not self.registry_is_slow:
            self.pull_ends(0, registry_answers=True)
            return True
        return any(self.asks(one) for one in self.watches) or any(map(self._pilot_goes_on, self.running))

    def _pilot_goes_on(self, pilot: Container) -> bool:
        """What a pilot does by itself, in time."""
        if pilot.paused:
            return False
        dies = self.is_a(pilot, "dies") and pilot.accepted and not pilot.dead
        if dies or pilot.gone or (pilot.retired and not pilot.jobs):
            self.pilot_ends(pilot)
        elif pilot.shown != pilot.believes:
            pilot.shown = pilot.believes
        elif not pilot.validated and not self.is_a(pilot, "never validated"):
            pilot.validated = True
        elif pilot.slow and self._is_seen(pilot):
            pilot.slow = False
        elif pilot.drains and not pilot.jobs and not pilot.dead:
            pilot.gone = True
        elif pilot.drains and pilot.jobs and self.jobs_end:
            self.job_ends(pilot)
        else:
            return False
        return True

    def _is_seen(self, pilot: Container) -> bool:
        """Whether nothing keeps our process from seeing what has become of it, and from doing something about it."""
        faults = not self.engine_answers or self.refuses is not None or self.answer_of(pilot) is None
        known = self.state.pilot(pilot.id)
        # An order that a startd has forgotten in its first minute is given again after that.
        is_looked_after = known is not None and (known.stage is not Stage.LEAVING or known.confirmed)
        return self.alive and not faults and pilot.id in self.watches and is_looked_after

    def come_to_rest(self) -> None:
        """Nobody asks for anything any more, and all goes well, until time alone changes nothing."""
        self.lost_in, self.stranger_comes = "", False
        self.engine_answers, self.refuses, self.answer, self.hindrance, self.no_room = True, None, IN_POOL, None, ""
        self.qualities = {image: quality for image, quality in self.qualities.items() if quality in LASTING}
        for container in self.running:
            container.paused, container.spoiled, container.answer = False, False, IN_POOL
        if self.token in ("", *self.refused_tokens):
            self.token = GOOD_TOKEN
        for _ in range(_MOST_RESTS):
            self.go_on()
            dead = any(container.dead for container in self.running)
            if self.pulls:
                self.pull_ends(0, registry_answers=True)
            elif self.alive and dead:
                self.now += ABSENT_SECONDS
            elif leaving := [one for one in self.running if one.jobs and (one.drains or one.retired)]:
                for container in leaving:
                    container.jobs = []
            elif self.alive and self._denied_retires():
                continue
            elif self.alive and self.state.wake_at:
                self.now = max(self.now, self.state.wake_at)
            else:
                return
        raise AssertionError(f"there always is a next time: {self.state}")

    def _denied_retires(self) -> bool:
        """One that refuses to drain, and has to go, comes to its end in time."""
        image = self.here.get(self.configured.reference)
        wanted = self.configured.fingerprint, image and image.id
        for one in self.running:
            stays = self.wish not in NO_PILOT and self.are_open and one.id not in self.to_go
            as_wanted = (one.fingerprint, one.image.id) == wanted and stays and one.token not in self.refused_tokens
            if self.is_a(one, "denied") and not one.retired and not as_wanted:
                one.had_to_go, one.retired, one.jobs = True, True, []
                return True
        return False
