"""What an operator is promised, checked on what truly runs on a host that is played."""

from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.sight import VALIDATION_SECONDS
from ospool_ep.lifecycle.state import Want
from ospool_ep.pilot.state import EVERYTHING, NOTHING
from tests.pure.lifecycle.host import IN_POOL
from tests.pure.lifecycle.played.container import KNOWN_NAME, Container
from tests.pure.lifecycle.played.process import PlayedProcess
from tests.pure.lifecycle.played.told import NO_PILOT
from tests.pure.lifecycle.played.world import LASTING, MOST_BESIDE


def check_drain(host: PlayedProcess, pilot: Container) -> None:
    """It is being told to drain: the next one works by then, but where there can be none beside it."""
    told = host.told
    # As it said when it was asked last; it may have ended since.
    ready = any(works or not pilot.validated or pilot.dead for one, works in host.ready.items() if one != pilot.id)
    follows = told.wants_none or bool(told.goes_by.policy.one_by_one or host.state.no_room)
    untold = bool(host.state.heedless) or pilot.to_drain or pilot.had_to_go
    untold |= _is_unknown(host, pilot)
    assert ready or follows or untold, "no pilot makes room before the next one works"


def _is_unknown(host: PlayedProcess, pilot: Container) -> bool:
    """Whether it does not answer, so that nobody knows which jobs it takes, and the next one has had its time."""
    watch = host.watches.get(pilot.id)
    is_silent = watch is not None and watch.heard[-1:] == [None]
    others = [one for one in host.running if one is not pilot and one.id in host.ready]
    return is_silent and any(host.now >= one.started_at + VALIDATION_SECONDS for one in others)


def check_quiet(host: PlayedProcess) -> None:
    """Nothing is on its way any more: what the pilots go by is what is true."""
    if not _nothing_is_wrong(host):
        return
    # One that retires takes none by itself, also where it has refused to drain.
    takers = [one for one in host.running if not (one.drains or one.retired) and one.believes != EVERYTHING]
    takers = [one for one in takers if not host.is_a(one, *LASTING)]
    assert len(takers) <= 1, "one takes jobs, at most"
    for taker in takers:
        held = sum((one.holds for one in host.running if one is not taker), NOTHING)
        takes_all = taker.believes == held or _is_told_again(host, taker)
        assert not taker.closed or takes_all, "it takes all that the others do not hold"
        assert taker.closed or held == NOTHING, "one that can't be told is alone"
    if not host.told.wants_none and not (host.told.to_stop or _follow_each_other(host)):
        is_there = any(not (one.drains or one.stopping) for one in host.running)
        assert is_there or host.state.wake_at > host.now, "one is open, or on its way, or is tried again"


def _nothing_is_wrong(host: PlayedProcess) -> bool:
    faults = not host.engine_answers or host.refuses or host.found or host.no_room or host.registry_is_slow
    # Where an order to stop was refused, our process looks for them again in a moment.
    known = {one.container_id for one in host.state.pilots}.intersection(host.watches)
    troubled = any(
        one.paused or one.dead or one.id not in known or host.answer_of(one) != IN_POOL for one in host.running
    )
    return host.alive and not faults and not troubled


def _is_told_again(host: PlayedProcess, pilot: Container) -> bool:
    """Whether it has refused to be told what the others hold, a moment ago."""
    known = host.state.pilot(pilot.id)
    return known is not None and bool(known.untold_because) and known.again_at > host.now


def _follow_each_other(host: PlayedProcess) -> bool:
    """Whether none can be made beside those that run."""
    odd = any(quality in LASTING for quality in host.qualities.values())
    why = host.told.goes_by.policy.one_by_one or host.state.no_room
    return bool(why) or odd or len(host.running) > MOST_BESIDE


def check_rest(host: PlayedProcess) -> None:
    """What an operator is promised to find in the end."""
    left = [one for one in host.containers if not one.running]
    assert not host.alive or not left, "what has ended is removed"
    assert not host.alive or host.directories == {one.directory for one in host.containers}, "and so is its scratch"
    if not host.alive:
        assert host.told.could_not_stop or not host.running, "no pilot runs without a service"
        return
    assert host.want is not Want.START, "a drain that is done is forgotten"
    assert len(host.running) == (host.wish not in NO_PILOT and host.are_open), "one pilot runs, or none, as is wanted"
    for pilot in host.running:
        _check_pilot(host, pilot)


def _check_pilot(host: PlayedProcess, pilot: Container) -> None:
    configured = host.configured
    assert pilot.id in host.watches, "the pilot that runs is watched"
    assert not pilot.dead, "HTCondor runs in it"
    assert not pilot.retired, "it takes jobs"
    assert pilot.token not in host.refused_tokens, "and the pool accepts it"
    assert not pilot.drains, "and is not meant to end"
    assert not pilot.closed or pilot.believes == NOTHING or host.is_a(pilot, "ignorant"), "it has all"
    assert pilot.name == KNOWN_NAME, "it is found under its name"
    assert pilot.id not in host.to_go, "it is the one that an operator wanted to come"
    assert pilot.fingerprint == configured.fingerprint, "it is the one that the configuration asks for"
    assert pilot.image.id in host.named[configured.reference], "its image is one of the configured name"
    newest = host.here.get(configured.reference, pilot.image)
    # What somebody pulls by hand is noticed at the next update.
    may_be_older = configured.policy.update is UpdatePolicy.OFF or configured.reference in host.pulled_by_hand
    assert newest.id in (pilot.image.id, *host.on_trial) or may_be_older, "its image is the newest"
