"""Two sets of Google Benchmark results, compared by ratio: the arithmetic of compare.sh. Nothing is run here.

Seconds differ between machines and between hours of one machine; the ratio of two programs run in turn does not, or far
less. So: pair the repetitions of OLD and NEW in their order, take each pair's ratio NEW / OLD, and tell the median of
the ratios and their quartiles. A change is called one when the median is beyond the threshold and a sign test over the
pairs finds less than one chance in twenty that it is noise: for 5 pairs all must agree, of 8 seven, of 10 nine.
"""

import dataclasses
import json
import math
import pathlib
import statistics

CHANCE = 0.05
FEWEST_PAIRS = 5  # of which all must agree
NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


class BadResults(Exception):
    """A file that is no result of Google Benchmark, or a folder without any."""


@dataclasses.dataclass
class Comparison:
    name: str
    old_ns: float    # medians
    new_ns: float
    ratio: float     # median of the pairs' ratios
    low: float       # quartiles of them
    high: float
    pairs: int
    verdict: str     # "", faster, slower, "slower?" (it may be noise), "faster?"


def read_results(folder):
    """{program/benchmark: [nanoseconds, in the order of the files' names]}, and {program/benchmark: error message}."""
    times, errors = {}, {}
    files = sorted(pathlib.Path(folder).glob("*.json"))
    if not files:
        raise BadResults(f"{folder}: found no .json file, expected results of --benchmark_format=json")
    for file in files:
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            program = pathlib.PurePath(document["context"]["executable"]).name
            for entry in document["benchmarks"]:
                if entry.get("run_type", "iteration") != "iteration":
                    continue  # means and medians of repetitions: we make our own
                name = f"{program}/{entry.get('run_name', entry['name'])}"
                if entry.get("error_occurred"):
                    errors[name] = entry.get("error_message", "unknown error")
                else:
                    times.setdefault(name, []).append(float(entry["real_time"]) * NANOSECONDS[entry["time_unit"]])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadResults(f"{file}: expected a result of --benchmark_format=json ({error!r})") from None
    return times, errors


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    cuts = statistics.quantiles(values, n=4, method="inclusive")
    return cuts[0], cuts[2]


def chance_of(agreeing, pairs):
    """The probability that at least so many of the pairs agree on a direction given beforehand, if both are alike."""
    return sum(math.comb(pairs, k) for k in range(agreeing, pairs + 1)) / 2 ** pairs


def median_within(values):
    """The two of the values between which the median of many more lies, but for one chance in twenty; of fewer than six
    values, that is anywhere."""
    ordered = sorted(values)
    outside = [k for k in range((len(ordered) + 1) // 2) if 2 * chance_of(len(ordered) - k, len(ordered)) < CHANCE]
    return (ordered[outside[-1]], ordered[-1 - outside[-1]]) if outside else (-math.inf, math.inf)


def compare_one(name, old, new, threshold):
    pairs = zip(old, new) if len(old) == len(new) else ((statistics.median(old), value) for value in new)
    ratios = [after / before for before, after in pairs if before > 0]
    if not ratios:
        raise BadResults(f"{name}: found a time of zero")
    ratio = statistics.median(ratios)
    low, high = quartiles(ratios)
    verdict = ""
    if ratio > 1 + threshold:
        certain = chance_of(sum(value > 1 for value in ratios), len(ratios)) < CHANCE
        verdict = "slower" if certain else "slower?"
    elif ratio < 1 / (1 + threshold):
        certain = chance_of(sum(value < 1 for value in ratios), len(ratios)) < CHANCE
        verdict = "faster" if certain else "faster?"
    return Comparison(name, statistics.median(old), statistics.median(new), ratio, low, high,
                      len(ratios), verdict)


def compare(old, new, threshold):
    """Benchmarks that both have, in the order of OLD, and the names that only one has."""
    common = [compare_one(name, old[name], new[name], threshold) for name in old if name in new]
    return common, [name for name in old if name not in new], [name for name in new if name not in old]


def duration(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def text_of(comparisons, only_old, only_new, old_errors, new_errors):
    width = max([len(comparison.name) for comparison in comparisons] + [9])
    out = [f"{'benchmark':<{width}}  {'old':>9}  {'new':>9}  new/old  quartiles"]
    for c in comparisons:
        out.append(f"{c.name:<{width}}  {duration(c.old_ns):>9}  {duration(c.new_ns):>9}  {c.ratio:7.3f}  "
                   f"{c.low:.3f} .. {c.high:.3f}  {c.verdict}".rstrip())
    out += [f"only in old: {name}" for name in only_old] + [f"only in new: {name}" for name in only_new]
    out += [f"error in old: {name}: {message}" for name, message in sorted(old_errors.items())]
    out += [f"error in new: {name}: {message}" for name, message in sorted(new_errors.items())]
    if comparisons:
        if min(c.pairs for c in comparisons) < FEWEST_PAIRS:
            out.append(f"fewer than {FEWEST_PAIRS} repetitions: nothing can be told from noise for certain")
        overall = statistics.geometric_mean([c.ratio for c in comparisons])
        slower = sum(c.verdict == "slower" for c in comparisons)
        faster = sum(c.verdict == "faster" for c in comparisons)
        out.append(f"{len(comparisons)} benchmarks compared; geometric mean of the ratios {overall:.3f}; "
                   f"{slower} slower, {faster} faster")
    return "\n".join(out)
