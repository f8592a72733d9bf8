"""Whether what CVMFSEXEC_REPOS names can be CVMFS repositories. Source: the image's entrypoint.sh, and cvmfsexec."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from ospool_ep.configuration.findings import Finding, error, info, warning
from ospool_ep.configuration.masking import quoted
from ospool_ep.configuration.values import is_true, is_truth_value, repositories

# A fully qualified name, as a host has one. cvmfsexec takes what begins with a hyphen for an option.
_REPOSITORY = re.compile(r"(?!-)(?=.{3,253}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")
# A repository's path, or an address that ends with its name.
_WITH_PATH = re.compile(r".*/([A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)+)/*")
_EXAMPLE = "oasis.opensciencegrid.org"


def check_repositories(value: str, *, bound: bool) -> Iterator[Finding]:
    """Where one of them cannot be mounted the pilot ends; without a letter a to z the image looks for none.

    ``bound``: the pilot has this host's, and the image mounts none besides.
    """
    names = repositories(value)
    if not names:
        message = f"{quoted(value)} names no repository: the pilot mounts none."
        yield warning("no-repository", message, f"Leave it empty, or name one: {_EXAMPLE}")
        return
    wrong = [name for name in dict.fromkeys(names) if not _REPOSITORY.fullmatch(name)]
    if wrong and bound:
        message = f"{_are_none(wrong)}; the pilot has those that this host mounts, and mounts no other."
        yield warning("not-a-repository", message, "Leave it empty.")
    elif wrong:
        yield error("not-a-repository", f"{_are_none(wrong)}: the pilot ends at once.", _mend(wrong[0]))
    if bound:
        return
    upper = [name for name in dict.fromkeys(names) if name not in wrong and name != name.lower()]
    if upper:
        message = f"{quoted(upper[0])} has capital letters, and the names of repositories have none as a rule."
        yield warning("repository-in-capitals", message, f"Where it can't be mounted, write {upper[0].lower()}")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        yield info("repository-twice", f"{quoted(twice[0])} is named twice, and mounted once.", "Name it once.")


def _are_none(wrong: Sequence[str]) -> str:
    if len(wrong) == 1:
        return f"{quoted(wrong[0])} is no repository"
    return f"{', '.join(map(quoted, wrong[:-1]))} and {quoted(wrong[-1])} are no repositories"


def _mend(wrong: str) -> str:
    if is_true(wrong):
        return "Name the repositories; for those that this host mounts leave it empty, and write BIND_MOUNT_CVMFS=true."
    if is_truth_value(wrong) or wrong.lower() == "none":
        return "Leave it empty for none."
    if match := _WITH_PATH.fullmatch(wrong):
        return f"Write the name alone, without what stands before it: {match[1]}"
    return f"Write names like {_EXAMPLE}, separated by commas or blanks."
