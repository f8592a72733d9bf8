"""Reads the configuration and looks at this host for the service: what its helper processes call.

The service keeps what was read without looking into it, and gives it back, as JSON, with each question: so what is
checked again is what it goes by, and not what the file says by then. The service's start waits for ``read_to_start``:
what that does not need as a rule is imported where it is used.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Optional

from ospool_ep.checks import check, pilots_token
from ospool_ep.checks.beside import check_beside, has_others
from ospool_ep.checks.engine_facts import EngineFacts, look_at_engine, look_at_layers, start_engine
from ospool_ep.configuration.contents import Configuration, Value
from ospool_ep.configuration.findings import Checked, Finding, error, has_errors
from ospool_ep.configuration.image_reference import parse
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.configuration.policy import Policy, policy
from ospool_ep.configuration.reading import could_be_read, read_configuration
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.container import from_configuration
from ospool_ep.container.specification import PILOT_UID, ContainerSpec
from ospool_ep.engine.choice import Choice
from ospool_ep.engine.chosen import chosen_engine
from ospool_ep.engine.engine_note import noted
from ospool_ep.service.helper_answers import FileContent, Inspected
from ospool_ep.system.file_stamp import stamps
from ospool_ep.system.host_capacity import capacity
from ospool_ep.system.json_data import decode, encode
from ospool_ep.this_service import this_service


def read_to_start(config_path: str) -> Inspected:
    """What the file says, and what was found in it and on this host; where it is in order, the engine is started."""
    return _inspected(config_path, lambda found: look_at_engine if has_errors(found) else start_engine)


def read_again(config_path: str) -> Inspected:
    """The same for a service that runs, which has its engine."""
    return _inspected(config_path, lambda _found: look_at_layers)


def read_to_stop(config_path: str) -> Inspected:
    """The same for a stop. The engine is not asked: one that sleeps would answer when the stop is through.

    Where the file has errors, or can't be read, all is at its default, and the engine is the one that was noted: to
    stop a pilot takes no more than the name of its container.
    """
    inspected = _inspected(
        config_path, lambda _found: lambda wanted: EngineFacts(chosen_engine(wanted), None), stops=True
    )
    if inspected.file.spec:
        return inspected
    kept = noted()
    bare = {option.name: Value(option.default, None, option.goes_to) for option in OPTIONS.values()}
    configuration = Configuration(config_path, bare, inspected.file.own_path)
    content = replace(_content(configuration, wrong=False), read=inspected.file.read)
    return Inspected(content, inspected.checked, Choice(kept.address, kept.basis) if kept else inspected.engine)


def _inspected(
    config_path: str, how_to_ask: Callable[[tuple[Finding, ...]], check.AskEngine], *, stops: bool = False
) -> Inspected:
    # Before it is read: a change that comes meanwhile is seen as one.
    own_path = this_service().own_file(config_path)
    seen = stamps(filter(None, (config_path, own_path)))
    configuration, found = read_configuration(config_path, own_path)
    engine = how_to_ask(found)(configuration.engine)
    others = () if stops else check_beside(configuration, found, in_service=True)
    checked = check.check_all(configuration, (*found, *others), ask_engine=lambda _wanted: engine)
    if not stops:
        _take_place(configuration, checked)
    content = replace(_content(configuration, wrong=has_errors(found)), read=could_be_read(found), stamp=seen)
    return Inspected(content, checked, engine.choice)


def recheck(content: str) -> Checked:
    """What is found on this host now, and whether there is room for a second pilot."""
    configuration = decode(Configuration, content)
    # It need not be known where no pilot begins beside another.
    ask = look_at_engine if policy(configuration).one_by_one else look_at_layers
    found = (*_put_token(configuration), *check_beside(configuration, (), in_service=True))
    checked = check.check_all(configuration, found, ask_engine=ask)
    _take_place(configuration, checked)
    return checked


def _take_place(configuration: Configuration, checked: Checked) -> None:
    """Where nothing keeps the next pilot from running, it will: a service that comes later has to give way to it."""
    if has_errors(checked.findings) or not has_others(configuration.path):
        return
    from ospool_ep.system.run_directory import RunDirectory  # noqa: PLC0415

    # Without that its pilots count all the same, and what is wrong with the directory is told by the check of it.
    with contextlib.suppress(OSError):
        RunDirectory().take_place()


def _put_token(configuration: Configuration) -> tuple[Finding, ...]:
    """One that stands in the configuration is put into a file; before each pilot, as every one needs it anew."""
    token = configuration.text("TOKEN")
    if not token:
        return ()
    from ospool_ep.system.host_failures import why  # noqa: PLC0415
    from ospool_ep.system.run_directory import RunDirectory  # noqa: PLC0415

    try:
        RunDirectory().write_token(token, PILOT_UID)
    except OSError as failure:
        message = "The token cannot be put where the pilot reads it."
        return (error("token-not-kept", message, why(failure), **configuration.place("TOKEN")),)
    return ()


def look_at_token(content: str) -> tuple[str, str]:
    """A hash of the pilot's token, empty where it can't be read; and what is wrong with it, or soon will be."""
    return pilots_token.look_at_token(decode(Configuration, content))


def look_at_host(content: str) -> str:
    """What has gone wrong with this host since a pilot runs, in sentences; empty where all is well."""
    return check.look_at_host(decode(Configuration, content))


def leave_host(content: str) -> str:
    """The service was stopped, and no pilot runs: other hosts need not wait for this one."""
    check.leave_host(decode(Configuration, content))
    return ""


def explain_refusal(content: str, identity: str) -> str:
    """Why the pool may refuse the token that the pilot has, and what to do."""
    return pilots_token.explain_refusal(decode(Configuration, content), identity)


def changes(before: str, after: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What has changed, in sentences for the operator, and the keys that need a new pilot."""
    from ospool_ep.container import configuration_changes  # noqa: PLC0415

    old, new = decode(Configuration, before), decode(Configuration, after)
    found = configuration_changes.changes(old, new)
    return configuration_changes.as_sentences(found), tuple(change.key for change in found if change.needs_new_pilot)


def container_spec(configuration: Configuration, open_files: Optional[int] = None) -> ContainerSpec:
    """The pilot's container on this host, for a configuration without errors.

    ``open_files``: how many a process of the service may have at most; None where this process is one.
    """
    here = capacity()
    most = here.open_files if open_files is None else open_files
    return from_configuration.build(configuration, token_path(configuration), here.memory_bytes, most)


def beside_others(spec: ContainerSpec, rules: Policy) -> Optional[ContainerSpec]:
    """The container of a pilot that is made beside others, and begins closed; None where that can't be.

    It waits for its first job as long as the one before may take to end its last one, and does not end idle meanwhile.
    """
    if rules.one_by_one:
        return None
    from ospool_ep.container.closed_start import closed  # noqa: PLC0415
    from ospool_ep.lifecycle.trial import VALIDATED_WITHIN_SECONDS  # noqa: PLC0415

    seconds = rules.rollback_seconds + VALIDATED_WITHIN_SECONDS + rules.longest_job_seconds
    return closed(spec, spec.name, int(seconds // 60))


def token_path(configuration: Configuration) -> str:
    """The file that the pilot gets its token from."""
    if not configuration.text("TOKEN"):
        return configuration.text("TOKEN_LOCATION")
    from ospool_ep.system.run_directory import RunDirectory  # noqa: PLC0415

    return str(RunDirectory().token_file)


def _content(configuration: Configuration, *, wrong: bool) -> FileContent:
    rules = policy(configuration)
    spec = None if wrong else container_spec(configuration)
    beside = spec and beside_others(spec, rules)
    if spec and not (beside or rules.one_by_one):
        rules = replace(rules, one_by_one="no clause can be added to what GLIDEIN_Start_Extra says")
    return FileContent(
        path=configuration.path,
        own_path=configuration.own_path,
        configuration=encode(configuration),
        site=configuration.text("GLIDEIN_Site"),
        resource=configuration.text("GLIDEIN_ResourceName"),
        spec=spec,
        beside=beside,
        engine=configuration.engine,
        policy=rules,
        token_location="" if configuration.text("TOKEN") else configuration.text("TOKEN_LOCATION"),
        advertises_host=configuration.advertises_host,
        hours=configuration.text("OSPOOL_EP_HOURS"),
        is_backfill=configuration.is_backfill,
        only_missing=rules.update is UpdatePolicy.OFF or (spec is not None and parse(spec.image).pinned),
    )
