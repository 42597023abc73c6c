#!/usr/bin/python3
"""Compares the model with measured runs on the machine that the records were made on.

    validate.py RECORD... [--measured 1=0.85,2=2.49] [--cores 2]

Records of real ranks (mpirun, "virtual": "false") are the measurement: for each of their numbers of ranks the processor
time of the work, over all ranks and of the longest rank of every step, is compared with two predictions: that of the
record of as many virtual ranks (tries whether virtual ranks stand for real ones), and that of the model fitted to the
virtual records of all other numbers of ranks (tries the fits as well). Processor times are comparable on a busy
machine, too. With --measured, the same for wall times of a quiet one: ranks beyond the cores share them, so that a step
takes the longest rank's work or all ranks' divided by the cores, whichever is longer, and in a collective call every
rank is switched to once.
"""

import argparse
import sys

import loggp
import model
from extrapolate import Workload
from work_record import RecordError, read_record

# Ranks of one machine that pass messages through its memory.
SHARED_MEMORY = loggp.Network(L=0.3e-6, o=0.2e-6, g=0.2e-6, G=0.15e-9, copy=0.15e-9)


def measured(text):
    result = {}
    for part in text.split(","):
        ranks, equals, seconds = part.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"found '{part}', expected RANKS=SECONDS")
        result[int(ranks)] = float(seconds)
    return result


def shared(prediction, cores, switch, calls):
    """Seconds of a prediction whose ranks share the cores."""
    if prediction.ranks <= cores:
        return prediction.seconds
    parts = prediction.by(3)
    work = parts[("work",)] + parts[("idle steps",)]
    alone = prediction.seconds - work - parts[("imbalance",)]
    work = max(work * prediction.ranks / cores, work + parts[("imbalance",)])
    return work + alone + calls * switch * prediction.ranks / cores


def table(title, rows):
    """rows: (ranks, measured, predictions); a prediction may be None."""
    print(f"{title}\n{'ranks':>5} {'measured':>9} {'as many':>9} {'error':>7} {'others':>9} {'error':>7}")
    for ranks, seconds, predictions in rows:
        cells = "".join(f" {cell:9.3f} {100 * (cell / seconds - 1):+6.0f}%" if cell else f" {'-':>9} {'-':>7}"
                        for cell in predictions)
        print(f"{ranks:5} {seconds:9.3f}{cells}")


def longest(record):
    return sum(max(step.seconds) for step in record.steps)


def processor_times(real, virtual):
    """Rows of the two tables of processor times."""
    work, longest_rank = [], []
    for ranks in sorted({record.ranks for record in real}):
        runs = [record for record in real if record.ranks == ranks]
        same = [record for record in virtual if record.ranks == ranks]
        others = [record for record in virtual if record.ranks not in (1, ranks)]
        predicted = model.predict(Workload(others), ranks, 1.0, SHARED_MEMORY).by(3) if ranks > 1 and others else None
        mean = predicted[("work",)] + predicted[("idle steps",)] if predicted else 0
        work.append((ranks, min(run.seconds for run in runs),
                     (min((run.seconds for run in same), default=None), mean * ranks)))
        longest_rank.append((ranks, min(map(longest, runs)),
                             (min(map(longest, same), default=None),
                              mean + predicted[("imbalance",)] if predicted else None)))
    return work, longest_rank


def wall_times(arguments, virtual):
    rows = []
    switch = arguments.switch * 1e-6
    for ranks, seconds in sorted(arguments.measured.items()):
        same = [record for record in virtual if record.ranks == ranks]
        others = [record for record in virtual if record.ranks not in (1, ranks)]
        replayed = min((model.replay(record, SHARED_MEMORY, arguments.cores, switch) for record in same), default=None)
        predicted = None
        if ranks > 1 and others:
            fitted = Workload(others)
            calls = sum(group.steps for group in fitted.groups if group.call != "none")
            predicted = shared(model.predict(fitted, ranks, 1.0, SHARED_MEMORY), arguments.cores, switch, calls)
        rows.append((ranks, seconds, (replayed, predicted)))
    return rows


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", nargs="+", metavar="RECORD")
    parser.add_argument("--measured", type=measured, default={}, help="wall times: RANKS=SECONDS,…")
    parser.add_argument("--cores", type=int, default=2, help="of this machine (default 2)")
    parser.add_argument("--switch", type=float, default=8.0, metavar="us",
                        help="time to switch to a waiting rank, us (default 8)")
    arguments = parser.parse_args(argv)
    try:
        records = [read_record(path, set(model.PHASES)) for path in arguments.records]
        real = [record for record in records if record.header.get("virtual") == "false"]
        virtual = [record for record in records if record.header.get("virtual") != "false"]
        work, longest_rank = processor_times(real, virtual)
        if work:
            table("processor seconds of work, all ranks", work)
            table("processor seconds of work, the longest rank of every step", longest_rank)
        if arguments.measured:
            table("wall seconds", wall_times(arguments, virtual))
    except (OSError, RecordError, ValueError) as error:
        print(f"validate.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
