"""Measures what snapshots cost a search, and how fast they get to disk, and prints both against their targets.

    snapshot.sh [--rows KEY,...] [--layouts KEY,...] [--repetitions N] [--parts] [--quick] [--folder DIR] [--mib N]
                [--json FILE] [--no-build]

Cost: whole runs of the program, from start to exit, with a snapshot every 5 iterations and without, in turn; the ratio
of the two, formed within a round, is at most 1.05. What plain writing and fsync of as many bytes as the newest snapshot
has takes in the same folder is told beside: no snapshot gets there faster.
Rate: a snapshot with all that belongs to one (checksums, seal, onto disk) against one rank that writes the same columns
with plain HDF5 and flushes the file; at least half as fast.
Medians over the rounds, and [least .. greatest]; a first round warms up. The processor time that goes into either run
is told beside: on a machine that has other things to do it is steadier than time by the clock. So is how long the
search stood still for snapshots, by its own report, which leaves out what the threads that write them take from it. A
verdict with a question mark (pass?, FAIL?) is the median's, but so many rounds cannot tell it from chance: give more
--repetitions.
Exit codes: 0 every target was met, 1 some was missed, 2 bad options or nothing to run.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from processes import Failed, huge_pages_state, run
from ratios import median_within
from workload import ROOT, build_folder

MOST_COST = 1.05
LEAST_RATE = 0.5
REPETITIONS = 9
HEAVY_REPETITIONS = 3
LAYOUTS = {"one": "one thread", "two": "two threads", "ranks": "two ranks x one thread"}
SEARCHES = {
    "mobilenet": ["search", "mobilenet-v1", "--array", "16x16", "--no-verify", "--out", "out"],
    "math11": ["saturate", "math", "--iterations", "11", "--report", "report.json"],
    "math12": ["saturate", "math", "--iterations", "12", "--report", "report.json"],
}
TITLES = {"mobilenet": "MobileNet on 16x16", "math11": "math, 11 iterations", "math12": "math, 12 iterations"}
EVERY = 5
NEVER = 1000000  # iterations: only the first and the last snapshot are taken
PIECE = 4 << 20


@dataclasses.dataclass
class Line:
    """A row of the table: what was measured in every round, and whether its median meets the target."""

    title: str
    sign: str  # of the target: <= or >=
    bound: float
    values: list
    beside: str

    @property
    def met(self):
        middle = statistics.median(self.values)
        return middle <= self.bound if self.sign == "<=" else middle >= self.bound

    @property
    def verdict(self):
        """With a question mark where more rounds may say otherwise."""
        low, high = median_within(self.values)
        return ("pass" if self.met else "FAIL") + ("?" if low <= self.bound <= high else "")

    def text(self, width):
        return (f"{self.title:<{width}}  {self.sign + f' {self.bound:g}':>7}  {statistics.median(self.values):6.3f} "
                f"[{min(self.values):.3f} .. {max(self.values):.3f}]  {self.verdict:<5}  {self.beside}")


class Refused(Exception):
    """Nothing can be measured: exit code 2 with a message."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def prefix_of(layout):
    return [os.environ.get("TESSERA_MPIEXEC", "mpirun"), "-np", "2"] if layout == "ranks" else []


def one_run(command, folder):
    """Seconds by the clock, and of processor time, of a run in the folder."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    run(command, folder=folder)
    seconds = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": seconds,
            "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def waited(folder):
    """Seconds that the search of the run in the folder stood still for snapshots, by its own report."""
    report = next(path for path in (folder / "report.json", folder / "out" / "report.json") if path.exists())
    return sum(phase["seconds"] for phase in json.loads(report.read_text())["phases"] if phase["name"] == "snapshot")


def plain_write(folder, size):
    """Seconds that writing so many bytes to a file in the folder takes until they are on disk."""
    piece = os.urandom(PIECE)
    begin = time.monotonic()
    with open(pathlib.Path(folder) / "plain", "wb", buffering=0) as file:
        while size > 0:
            size -= file.write(piece[:size])
        os.fsync(file.fileno())
    return time.monotonic() - begin


def cost_round(search, layout, number, options, build):
    """Runs without snapshots and with them; which goes first changes from round to round."""
    command = prefix_of(layout) + [build / "bin" / "tessera", *SEARCHES[search], "--quiet", "--threads",
                                   "2" if layout == "two" else "1"]
    kinds = {"plain": [], "kept": ["--snapshot", "kept", "--every-iterations", str(EVERY)]}
    if options.parts:
        kinds["last"] = ["--snapshot", "kept", "--every-iterations", str(NEVER)]
    result = {}
    for kind in list(kinds) if number % 2 == 0 else reversed(kinds):
        with tempfile.TemporaryDirectory(prefix="tessera-snapshot-", dir=options.folder) as folder:
            result[kind] = one_run(command + kinds[kind], folder)
            if kind == "kept":
                result["waited"] = waited(pathlib.Path(folder))
                sizes = [file.stat().st_size for file in sorted((pathlib.Path(folder) / "kept").glob("*.h5"))]
                result["bytes"] = sum(sizes)
                result["newest"] = sizes[-1]
                result["plain_write"] = plain_write(folder, sizes[-1])
    return result


def cost_line(search, layout, rounds):
    ratios = [one["kept"]["seconds"] / one["plain"]["seconds"] for one in rounds]
    processor = statistics.median(one["kept"]["processor"] / one["plain"]["processor"] for one in rounds)

    def middle(value_of):
        return statistics.median(value_of(one) for one in rounds)

    beside = [f"processor time {processor:.3f}", f"a run takes {middle(lambda one: one['plain']['seconds']):.2f} s",
              f"the search waited {middle(lambda one: one['waited']):.3f} s",
              f"{middle(lambda one: one['bytes']) / 1e6:.0f} MB kept",
              f"plain writing of the newest's {middle(lambda one: one['newest']) / 1e6:.0f} MB takes "
              f"{middle(lambda one: one['plain_write']):.3f} s"]
    if "last" in rounds[0]:
        last = middle(lambda one: one["last"]["seconds"] / one["plain"]["seconds"])
        beside.insert(0, f"{last:.3f} without the periodic ones")
    return Line(f"{TITLES[search]}, {LAYOUTS[layout]}", "<=", MOST_COST, ratios, "; ".join(beside))


def rate_line(layout, said):
    rates = [plain / snapshot for plain, snapshot in zip(said["plain_s"], said["snapshot_s"])]

    def speed(key):
        return said["mib"] * 1.048576 / statistics.median(said[key])

    ranks = "two ranks" if layout == "ranks" else "one rank"
    return Line(f"snapshot of {said['mib']} MiB to disk, {ranks}", ">=", LEAST_RATE, rates,
                f"{speed('snapshot_s'):.0f} MB/s; plain HDF5 {speed('plain_s'):.0f} MB/s, "
                f"{speed('cached_s'):.0f} MB/s before it is flushed")


def measure_cost(search, layout, options, build):
    rounds = []
    wanted = options.repetitions or (HEAVY_REPETITIONS if search == "math12" else REPETITIONS)
    for number in range(-1, wanted):
        one = cost_round(search, layout, number, options, build)
        say(f"  {TITLES[search]}, {LAYOUTS[layout]}, {'warm-up' if number < 0 else number + 1}: "
            f"{one['plain']['seconds']:.2f} s without, {one['kept']['seconds']:.2f} s with")
        if number >= 0:
            rounds.append(one)
    return rounds


def measure_rate(layout, options, build):
    with tempfile.TemporaryDirectory(prefix="tessera-snapshot-", dir=options.folder) as folder:
        return json.loads(run(prefix_of(layout) + [build / "bin" / "snapshot_rate", folder, str(options.mib),
                                                   str(options.repetitions or REPETITIONS)]))


def parse(arguments):
    parser = argparse.ArgumentParser(prog="snapshot.sh", formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description=__doc__, usage=argparse.SUPPRESS)
    parser.add_argument("--rows", metavar="KEY,...", type=lambda text: text.split(","),
                        default=[*SEARCHES, "rate"], help=f"only these: {', '.join(SEARCHES)}, rate")
    parser.add_argument("--layouts", metavar="KEY,...", type=lambda text: text.split(","), default=list(LAYOUTS),
                        help=f"only these: {', '.join(LAYOUTS)}")
    parser.add_argument("--repetitions", metavar="N", type=int, default=0,
                        help=f"of every row (default {REPETITIONS}; {HEAVY_REPETITIONS} of math12)")
    parser.add_argument("--parts", action="store_true", help="tell what the last snapshot alone costs, by a third run")
    parser.add_argument("--quick", action="store_true", help="leave out math to 12 iterations")
    parser.add_argument("--folder", metavar="DIR", help="where the snapshots go (default: the system's for temporary "
                                                        "files, which may be no disk at all)")
    parser.add_argument("--mib", metavar="N", type=int, default=256, help="size of the snapshot of row rate")
    parser.add_argument("--json", metavar="FILE", help="write what was measured to this file as well")
    parser.add_argument("--no-build", action="store_true", help="measure what TESSERA_BUILD (build/release) holds")
    options = parser.parse_args(arguments)
    for name, known in (("rows", [*SEARCHES, "rate"]), ("layouts", LAYOUTS)):
        for key in getattr(options, name):
            if key not in known:
                parser.error(f"--{name}: found '{key}', expected some of {', '.join(known)}")
    if options.repetitions < 0 or options.mib < 1:
        parser.error("--repetitions, --mib: expected at least 1")
    if options.folder and not os.path.isdir(options.folder):
        parser.error(f"--folder: no folder '{options.folder}'")
    if options.quick:
        options.rows = [row for row in options.rows if row != "math12"]
    return options


def find_programs(options):
    build = build_folder()
    if not options.no_build:
        if build != (ROOT / "build" / "release").resolve():
            raise Refused("TESSERA_BUILD names another build folder: build it yourself and give --no-build")
        code = subprocess.run([ROOT / "scripts" / "build.sh", "release", "benchmarks"], stdout=sys.stderr, check=False)
        if code.returncode != 0:
            raise Refused("the benchmarks do not build")
    for program in ("tessera", "snapshot_rate"):
        if not os.access(build / "bin" / program, os.X_OK):
            raise Refused(f"no program {build / 'bin' / program}: build it (scripts/build.sh release benchmarks)")
    return build


def measure(options, build):
    lines, samples = [], {}
    for layout in options.layouts:
        if layout == "ranks" and not shutil.which(prefix_of("ranks")[0]):
            say("*** no mpirun: two ranks are not measured ***")
            continue
        for row in options.rows:
            if row == "rate" and layout == "two":
                continue  # a rank writes with one thread
            if row == "rate":
                sample = measure_rate(layout, options, build)
                lines.append(rate_line(layout, sample))
            else:
                sample = measure_cost(row, layout, options, build)
                lines.append(cost_line(row, layout, sample))
            samples[f"{row}, {layout}"] = sample
    return lines, samples


def main(arguments):
    options = parse(arguments)
    try:
        build = find_programs(options)
        lines, samples = measure(options, build)
    except (Refused, Failed) as error:
        print(f"snapshot.sh: {error}", file=sys.stderr)
        return 2
    missed = sum(not line.met for line in lines)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"samples": samples, "missed": missed}, indent=1) + "\n",
                                              encoding="utf-8")
    print(f"transparent huge pages of measured processes: {huge_pages_state()}")
    width = max([len(line.title) for line in lines] + [3])
    print(f"{'row':<{width}}  {'target':>7}  measured")
    for line in lines:
        print(line.text(width))
    print(f"{len(lines) - missed} targets met, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
