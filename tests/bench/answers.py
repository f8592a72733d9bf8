"""What a simulated pilot answers to our service."""

from ospool_ep.pilot.state import EVERYTHING, Job, Offer, PilotState, Pool, Share, Startd
from tests.bench.month import Assumptions, Pilot

# The simulation's clock began then, in seconds since the epoch.
EPOCH = 1_800_000_000.0
_MB_OF_A_JOB = 2000


def answer(pilot: Pilot, assumed: Assumptions) -> PilotState:
    """As the pilot's HTCondor would, at this moment."""
    if not pilot.in_pool:
        return PilotState(Startd.STARTING, jobs=())
    offer = Offer.RETIRED if pilot.retired else Offer.OPEN if pilot.validated else Offer.UNVALIDATED
    believes = EVERYTHING if pilot.others_hold > assumed.slots else _share(pilot.others_hold)
    retires_at = EPOCH + pilot.began + assumed.accepts_jobs
    jobs = (Job(f"slot1_{number}", f"{number}.0", EPOCH + begin) for number, (begin, _) in pilot.jobs.items())
    return PilotState(
        Startd.DRAINING if pilot.drains else Startd.READY,
        Pool.ACCEPTS,
        jobs=tuple(jobs),
        identity="ep@flock.opensciencegrid.org",
        offer=Offer.UNKNOWN if pilot.drains else offer,
        size=_share(assumed.slots),
        holds=_share(len(pilot.jobs)),
        believes=believes if pilot.closed else None,
        heeds=True if pilot.closed else None,
        retires_at=retires_at,
        dies_at=retires_at + assumed.retirement,
    )


def _share(cores: int) -> Share:
    return Share(cores, cores * _MB_OF_A_JOB)
