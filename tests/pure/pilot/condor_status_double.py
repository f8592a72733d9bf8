"""Stands in for ``condor_status``: hands out the ad in MACHINE_AD, or evaluates expressions over one as it does.

It goes by HTCondor's own ClassAd library. As the real one, ``-direct`` gives the ad as it is and a blank line after it,
and ``-ads /dev/stdin -af:nV`` prints a value on each line, with a blank before all but the first.
"""

import os
import re
import sys

import classad2


def parsed(expression: str) -> classad2.ExprTree:
    # The library knows MY only where two ads are matched.
    return classad2.ExprTree(re.sub(r"\bMY\.", "", expression))


def evaluated(ad: classad2.ClassAd, expression: str) -> str:
    ad["ThisQuestion"] = parsed(expression)
    value = ad.eval("ThisQuestion")
    if isinstance(value, (bool, classad2.Value)):
        return str(getattr(value, "name", value)).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def main(arguments: list[str]) -> None:
    if "-direct" in arguments:
        print(os.environ["MACHINE_AD"], end="\n\n")
        return
    for text in sys.stdin.read().strip().split("\n\n"):
        ad = classad2.ClassAd()
        for line in text.splitlines():
            name, _, value = line.partition("=")
            ad[name.strip()] = parsed(value)
        print("\n ".join(evaluated(ad, expression) for expression in arguments[arguments.index("-af:nV") + 1 :]))


main(sys.argv[1:])
