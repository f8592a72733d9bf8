"""The commands of ``ospool-ep``, as its parser knows them."""

import argparse

from ospool_ep import cli


def commands() -> dict[str, argparse.ArgumentParser]:
    """Each command with the parser of its options."""
    (choices,) = (action.choices for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction))
    return dict(choices)
