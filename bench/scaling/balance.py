#!/usr/bin/python3
"""How evenly a recorded run is divided: counted work and bytes of each rank by phase, and the most loaded rank over the
mean. Iterations from 1 on: the start expression is asked for by one rank.

    balance.py RECORD [--most 1.3]    exits with 1 if a phase's work is less even than that
"""

import argparse
import sys

from work_record import UNITS, RecordError, read_record

PHASES = ("match", "apply", "merge", "rebuild", "analyze")


def balance(record):
    """{(phase, unit): amounts of the ranks}; units are the counted ones, and bytes sent and received."""
    sums = {}
    for step in record.steps:
        if step.iteration == 0:
            continue
        amounts = {unit: step.work[unit] for unit in UNITS if unit in step.work}
        amounts["bytes sent"] = step.sent
        amounts["bytes received"] = step.received
        for unit, values in amounts.items():
            total = sums.setdefault((step.phase, unit), [0] * record.ranks)
            sums[step.phase, unit] = [a + b for a, b in zip(total, values)]
    return {key: values for key, values in sums.items() if any(values)}


def uneven(values):
    return max(values) * len(values) / sum(values)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("record")
    parser.add_argument("--most", type=float, help="the greatest max / mean of counted work to accept")
    arguments = parser.parse_args(argv)
    try:
        record = read_record(arguments.record, set(PHASES))
    except (OSError, RecordError) as error:
        print(f"balance.py: {error}", file=sys.stderr)
        return 2
    worst = 1.0
    for (phase, unit), values in sorted(balance(record).items(), key=lambda item: PHASES.index(item[0][0])):
        share = uneven(values)
        # A few items cannot be even: a phase's work is what there is much of.
        counts = unit in UNITS and sum(values) >= 1000 * record.ranks
        worst = max(worst, share if counts else 1.0)
        print(f"{phase:8} {unit:15} max/mean {share:5.2f}  {' '.join(f'{value:,}' for value in values)}")
    print(f"worst of counted work: {worst:.2f}")
    return 1 if arguments.most and worst > arguments.most else 0


if __name__ == "__main__":
    sys.exit(main())
