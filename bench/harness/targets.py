"""The table of targets and the arithmetic of its verdicts. Nothing is run here: samples in, table out.

A row's samples are a list of repetitions; a repetition maps a layout to what was measured of it:
    seconds       of the search, as the program reports it (with extraction where the row says so)
    cal           seconds of one cal at that time: the mean of the runs before and after; absent without calibration
    bytes         peak resident memory of all ranks over live e-nodes
    iteration_us, raw_us    an iteration of an idle e-graph; its raw exchanges
    digest        of the e-graph: the same for all layouts, or the row has failed
"""

import dataclasses
import statistics

LAYOUTS = {"one": "one thread", "two": "two threads", "ranks": "two ranks x one thread"}

# "No slower than one thread" is said of medians of a few runs of noisy machines.
NOISE = 0.05


@dataclasses.dataclass(frozen=True)
class Target:
    """At most `limit` of a unit: cal; times (seconds over those of one thread in the same repetition); no-slower (the
    same, limit 1, noise allowed); bytes (an e-node); us (an iteration); raw (an iteration over its raw exchanges)."""

    unit: str
    limit: float

    def __str__(self):
        words = {"cal": "cal", "times": "x of one thread", "no-slower": "x of one thread", "bytes": "bytes",
                 "us": "us", "raw": "x raw exchange"}
        return f"<= {self.limit:g} {words[self.unit]}"


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    title: str
    workload: str = ""     # of workloads.json; empty: the idle e-graph
    of: str = "search"     # search, search+extract, bytes, idle
    targets: dict = dataclasses.field(default_factory=dict)  # by layout; none: measured for comparison only
    enodes: int = 0        # that the search must end with; 0: not known beforehand
    heavy: bool = False    # a run takes many seconds
    extra: bool = False    # measured only when asked for by name


def _targets(unit_one, one, unit_two, two, unit_ranks, ranks):
    return {"one": Target(unit_one, one), "two": Target(unit_two, two), "ranks": Target(unit_ranks, ranks)}


ROWS = [
    Row("math11", "math, 11 iterations", "math11", enodes=1047896,
        targets=_targets("cal", 0.50, "cal", 0.32, "cal", 0.40)),
    Row("math12", "math, 12 iterations", "math12", enodes=15987528, heavy=True,
        targets=_targets("cal", 11, "cal", 6.5, "cal", 8.5)),
    Row("assoc10", "assoc10", "assoc10", enodes=57012,
        targets=_targets("cal", 0.18, "no-slower", 1, "cal", 0.4)),
    Row("mobilenet-blocking", "MobileNet blocking, 28 layers", "mobilenet-blocking", of="search+extract",
        targets=_targets("cal", 0.35, "no-slower", 1, "cal", 0.6)),
    Row("mobilenet-glenside", "mobilenet-glenside, SliceOnce, to 5M", "mobilenet-glenside", heavy=True,
        targets=_targets("cal", 10, "times", 0.6, "times", 0.7)),
    Row("bytes", "bytes per e-node, math 12", "math12", of="bytes", enodes=15987528, heavy=True,
        targets=_targets("bytes", 120, "bytes", 130, "bytes", 180)),
    Row("superstep", "an idle iteration", of="idle", targets=_targets("us", 10, "us", 20, "raw", 3)),
    Row("mobilenet-glenside-divide", "mobilenet-glenside, DivideInto, to 5M", "mobilenet-glenside-divide", heavy=True,
        extra=True),
    Row("blocking-sweep", "blocking-sweep, 44 layers, 6 arrays", "blocking-sweep", of="search+extract", heavy=True,
        extra=True),
    Row("blocking-sweep-small", "blocking-sweep-small", "blocking-sweep-small", of="search+extract", extra=True),
]


def value_of(unit, layout, repetition):
    """One repetition's value in a unit; None where it was not measured."""
    sample = repetition.get(layout) or {}
    if unit == "cal":
        return sample["seconds"] / sample["cal"] if "cal" in sample and "seconds" in sample else None
    if unit in ("times", "no-slower"):
        one = repetition.get("one") or {}
        return sample["seconds"] / one["seconds"] if "seconds" in sample and "seconds" in one else None
    if unit == "raw":
        return sample["iteration_us"] / sample["raw_us"] if "raw_us" in sample else None
    return sample.get({"bytes": "bytes", "us": "iteration_us", "seconds": "seconds"}[unit])


def spread_of(unit, layout, repetitions):
    """(median, least, greatest) over the repetitions, or None where nothing was measured."""
    values = [value_of(unit, layout, repetition) for repetition in repetitions]
    values = [value for value in values if value is not None]
    return (statistics.median(values), min(values), max(values)) if values else None


def plain_unit(row):
    """The unit that a row is told in where there is no target or no calibration."""
    return {"bytes": "bytes", "idle": "us"}.get(row.of, "seconds")


def faults_of(row, repetitions):
    """What is wrong with the results themselves: a row with faults meets no target."""
    faults = []
    samples = [sample for repetition in repetitions for sample in repetition.values() if sample]
    digests = {sample["digest"] for sample in samples if "digest" in sample}
    if len(digests) > 1:
        faults.append(f"layouts disagree on the e-graph: digests {', '.join(sorted(digests))}")
    counts = {sample["enodes"] for sample in samples if "enodes" in sample}
    if row.enodes and counts - {row.enodes}:
        faults.append(f"found {', '.join(map(str, sorted(counts)))} e-nodes, expected {row.enodes}")
    faults += sorted({sample["failure"] for sample in samples if "failure" in sample})
    return faults


def judge(row, layout, repetitions):
    """A cell of the table: {unit, target, measured, least, greatest, verdict}. Verdicts: pass, FAIL, not measured, and
    'no verdict' where there is no target or no calibration to tell it by."""
    target = row.targets.get(layout)
    unit = target.unit if target else plain_unit(row)
    spread = spread_of(unit, layout, repetitions)
    judged = target is not None
    if spread is None and unit == "cal":  # no calibration: seconds, without a verdict
        unit, judged = "seconds", False
        spread = spread_of(unit, layout, repetitions)
    cell = {"unit": unit, "target": str(target) if target else None, "measured": None, "least": None, "greatest": None}
    if spread is not None:
        cell["measured"], cell["least"], cell["greatest"] = spread
    if faults_of(row, repetitions):
        cell["verdict"] = "FAIL"
    elif spread is None:
        cell["verdict"] = "not measured"
    elif not judged:
        cell["verdict"] = "no verdict"
    else:
        allowed = target.limit * (1 + NOISE if target.unit == "no-slower" else 1)
        cell["verdict"] = "pass" if spread[0] <= allowed else "FAIL"
    return cell


def table_of(samples):
    """samples: {row key: [repetition, ...]}. Returns [{key, title, faults, cells: {layout: cell}}] in table order."""
    table = []
    for row in ROWS:
        if row.key not in samples:
            continue
        repetitions = samples[row.key]
        table.append({"key": row.key, "title": row.title, "repetitions": len(repetitions),
                      "faults": faults_of(row, repetitions),
                      "cells": {layout: judge(row, layout, repetitions) for layout in LAYOUTS}})
    return table


def tally(table):
    """(passed, failed, without verdict) over all cells; cells not measured count as without."""
    verdicts = [cell["verdict"] for line in table for cell in line["cells"].values()]
    passed, failed = verdicts.count("pass"), verdicts.count("FAIL")
    return passed, failed, len(verdicts) - passed - failed


def _number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _cell_lines(cell):
    """Two lines: measured and verdict; target and spread."""
    units = {"cal": "cal", "times": "x", "no-slower": "x", "bytes": "bytes", "us": "us", "raw": "x", "seconds": "s"}
    if cell["measured"] is None:
        return cell["verdict"], cell["target"] or ""
    first = f"{_number(cell['measured'])} {units[cell['unit']]}  {cell['verdict']}"
    spread = f"[{_number(cell['least'])} .. {_number(cell['greatest'])}]"
    return first, f"{cell['target'] or 'no target'}  {spread}"


def text_of(table):
    """The table as text: for each row what was measured with its verdict, and under it the target and [least ..
    greatest]."""
    width = max([len(line["title"]) for line in table] + [8])
    columns = 34
    out = ["  ".join(["workload".ljust(width)] + [title.ljust(columns) for title in LAYOUTS.values()]).rstrip()]
    out.append("-" * (width + len(LAYOUTS) * (columns + 2)))
    for line in table:
        cells = [_cell_lines(line["cells"][layout]) for layout in LAYOUTS]
        for n, title in enumerate((line["title"], "")):
            out.append("  ".join([title.ljust(width)] + [cell[n].ljust(columns) for cell in cells]).rstrip())
        out += [f"  wrong: {fault}" for fault in line["faults"]]
    passed, failed, without = tally(table)
    out.append("-" * (width + len(LAYOUTS) * (columns + 2)))
    out.append(f"{passed} targets met, {failed} missed, {without} cells without a verdict")
    return "\n".join(out)
