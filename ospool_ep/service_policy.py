"""From the configuration to the policy of updates."""

from ospool_ep.configuration import Configuration
from ospool_ep.policy import Policy, UpdatePolicy


def policy(configuration: Configuration) -> Policy:
    """How the service replaces its pilots. What is no such value counts as the default; the checks refuse it."""
    return Policy(
        update=UpdatePolicy(configuration.choice("OSPOOL_EP_UPDATE")),
        drain_seconds=configuration.seconds("OSPOOL_EP_DRAIN_HOURS"),
        retire_seconds=configuration.seconds("OSPOOL_EP_RETIRE_HOURS") or Policy.retire_seconds,
        rollback_seconds=configuration.seconds("OSPOOL_EP_ROLLBACK_MINUTES") or Policy.rollback_seconds,
    )
