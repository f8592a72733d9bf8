"""``ospool-ep update --all``, and the timer's update: one pull for each image and engine, for all who want it."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Union

from ospool_ep import exit_codes
from ospool_ep.commands import update
from ospool_ep.commands.each_service import acting_for, those_that_count
from ospool_ep.commands.update import Result, Wish, pull, result_of, wish_of_service
from ospool_ep.engine.interface import EngineError
from ospool_ep.this_service import ServiceName

# What came of it for a service: a result, or why there is none, and the exit code for that.
_Outcome = Union[Result, tuple[str, int]]


def run(options: argparse.Namespace) -> int:
    """Pull for all that run or are enabled. One that can't have its image keeps no other one from theirs.

    1: for one of them the registry or the engine has failed, which is worth another try; else 78: mend it first.
    """
    services = those_that_count(options.config)
    if services == (ServiceName(),) and not options.all:
        # The timer of a host without instances.
        return update.run(options)
    wishes = {service: _wish(options, service) for service in services}
    told = {}
    # All are told as they come: a pull takes long.
    for service, outcome in _outcomes(wishes, check_only=options.check):
        told[service] = outcome
        if isinstance(outcome, tuple):
            print(f"ospool-ep update: {service.name}: {outcome[0]}", file=sys.stderr, flush=True)
        elif not options.json:
            print(f"{service.name}: {outcome.text}", flush=True)
    if options.json:
        print(json.dumps({service.name: _as_data(wishes[service], told[service]) for service in wishes}))
    codes = {outcome[1] for outcome in told.values() if isinstance(outcome, tuple)}
    # The timer's unit tries again after a failure, and not after 78 (RestartPreventExitStatus=).
    return exit_codes.FAILED if exit_codes.FAILED in codes else max(codes, default=exit_codes.OK)


def _wish(options: argparse.Namespace, service: ServiceName) -> Wish:
    with acting_for(service):
        return wish_of_service(options)


def _outcomes(wishes: dict[ServiceName, Wish], *, check_only: bool) -> Iterator[tuple[ServiceName, _Outcome]]:
    groups = dict[tuple[str, str], list[ServiceName]]()
    for service, wish in wishes.items():
        if wish.wrong:
            yield service, (wish.wrong, exit_codes.CONFIG)
        elif wish.nothing:
            yield service, Result("", "", wish.nothing)
        else:
            socket = wish.choice.address.socket if wish.choice.address else ""
            groups.setdefault((socket, wish.image), []).append(service)
    for services in groups.values():
        yield from _of_group(services, wishes[services[0]], check_only=check_only)


def _of_group(services: list[ServiceName], wish: Wish, *, check_only: bool) -> Iterator[tuple[ServiceName, _Outcome]]:
    """Of services with one wish: the image is pulled once, and each of them goes by its own rule."""
    try:
        before, after = pull(wish, check_only=check_only)
    except EngineError as error:
        yield from ((service, (str(error), exit_codes.FAILED)) for service in services)
        return
    for service in services:
        with acting_for(service):
            yield service, result_of(wish.image, before, after, check_only=check_only)


def _as_data(wish: Wish, outcome: _Outcome) -> dict[str, object]:
    return {"image": wish.image, "error": outcome[0]} if isinstance(outcome, tuple) else wish.as_data(outcome)
