"""Measures the workloads that targets are set for, and prints the table of targets with what was measured.

    report.sh [--rows KEY,...] [--repetitions N] [--quick] [--json FILE] [--no-build] [--from FILE]

Each row is run on one thread, on two, and on two ranks of one thread each (mpirun), in rotating order; a first round
warms up and is discarded; transparent huge pages are off. Times are those of the search itself, as the program reports
them, in `cal`: runs of a calibration program (TESSERA_SHARED, by default ../shared beside the checkout, in
calibrate/calibrate.cpp) made before and after every run. Medians, and [least .. greatest].
Exit codes: 0 every target was met, 1 some was missed or a result was wrong, 2 bad options or nothing to run.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import targets
from processes import Calibration, Failed, huge_pages_state, run
from workload import ROOT, build_folder, command_of

REPETITIONS = 5
HEAVY_REPETITIONS = 3  # of rows whose runs take many seconds, unless --repetitions says otherwise


def say(text):
    print(text, file=sys.stderr, flush=True)


def prefix_of(layout):
    return [os.environ.get("TESSERA_MPIEXEC", "mpirun"), "-np", "2"] if layout == "ranks" else []


def threads_of(layout):
    return "2" if layout == "two" else "1"


def sample_of_report(report, of):
    """A repetition's sample from a program's JSON report."""
    seconds = report["search_seconds"]
    if of == "search+extract":
        seconds += sum(phase["seconds"] for phase in report["phases"] if phase["name"] == "extract")
    enodes = report["iterations"][-1]["enodes"]
    return {"seconds": seconds, "enodes": enodes, "digest": report["digest"], "stop_reason": report["stop_reason"],
            "bytes": sum(rank["peak_memory_bytes"] for rank in report["ranks"]) / enodes,
            "phases": {phase["name"]: phase["seconds"] for phase in report["phases"]}}


def run_workload(name, of, layout, build):
    with tempfile.TemporaryDirectory(prefix="tessera-report-") as folder:
        command = command_of(name, build)
        saturates = command[1] == "saturate"
        report = pathlib.Path(folder) / ("report.json" if saturates else "out/report.json")
        command += ["--threads", threads_of(layout), "--quiet"]
        command += ["--report", str(report)] if saturates else ["--out", str(report.parent)]
        # A search that leaves a layer off the arrays ends with 1: that is no failure of a workload that blows up.
        run(prefix_of(layout) + command, good_codes=(0,) if saturates else (0, 1), folder=folder)
        return sample_of_report(json.loads(report.read_text(encoding="utf-8")), of)


def run_idle(layout, build):
    said = json.loads(run(prefix_of(layout) + [build / "bin" / "idle_superstep", "--threads", threads_of(layout)]))
    return {key: said[key] for key in ("iteration_us", "raw_us", "same_calls_us", "supersteps", "exchanges")}


class Measurement:
    """Runs rows and keeps their samples: {row key: [repetition, ...]}."""

    def __init__(self, options, build, calibration):
        self.options = options
        self.build = build
        self.calibration = calibration  # None: there is none
        self.layouts = [layout for layout in targets.LAYOUTS
                        if layout != "ranks" or shutil.which(prefix_of("ranks")[0])]
        self.samples = {}
        self.cals = []

    def cal(self):
        if self.calibration is None:
            return None
        self.cals.append(self.calibration.seconds())
        return self.cals[-1]

    def one_repetition(self, row, number, calibrated):
        """All layouts once, in an order that rotates with the repetition's number; a cal before and after each."""
        turn = number % len(self.layouts)
        before = self.cal() if calibrated else None
        result = {}
        for layout in self.layouts[turn:] + self.layouts[:turn]:
            try:
                sample = run_idle(layout, self.build) if row.of == "idle" else \
                    run_workload(row.workload, row.of, layout, self.build)
            except (Failed, KeyError, ValueError, OSError) as error:
                sample = {"failure": f"{targets.LAYOUTS[layout]}: {error}"}
            after = self.cal() if calibrated else None
            if after is not None:
                sample["cal"] = (before + after) / 2
            before = after
            result[layout] = sample
        return result

    def repetitions_of(self, row):
        if row.of == "bytes" and not self.options.repetitions:
            return 1
        return self.options.repetitions or (HEAVY_REPETITIONS if row.heavy else REPETITIONS)

    def measure(self, row):
        shared = [key for key in self.samples if row.of == "bytes" and key == row.workload]
        if shared:  # memory does not depend on time: the runs of the same workload tell it
            self.samples[row.key] = self.samples[shared[0]]
            return
        calibrated = row.of in ("search", "search+extract")
        self.samples[row.key] = []
        warm_ups = 0 if row.of == "bytes" else 1
        for number in range(-warm_ups, self.repetitions_of(row)):
            repetition = self.one_repetition(row, number + warm_ups, calibrated)
            say(f"  {row.key} {'warm-up' if number < 0 else number + 1}: {told(repetition)}")
            if number >= 0 or any("failure" in sample for sample in repetition.values()):
                self.samples[row.key].append(repetition)
            if any("failure" in sample for sample in repetition.values()):
                break  # it will not work the next time either


def told(repetition):
    parts = []
    for layout, sample in repetition.items():
        if "failure" in sample:
            parts.append(f"{layout} failed")
        elif "seconds" in sample:
            parts.append(f"{layout} {sample['seconds']:.3f} s, {sample['bytes']:.0f} bytes")
        else:
            parts.append(f"{layout} {sample['iteration_us']:.2f} us")
    return "; ".join(parts)


def chosen_rows(options):
    rows = {row.key: row for row in targets.ROWS}
    if options.rows:
        unknown = [key for key in options.rows if key not in rows]
        if unknown:
            raise Refused(f"--rows: found '{unknown[0]}', expected some of {', '.join(rows)}")
        return [row for row in targets.ROWS if row.key in options.rows]
    return [row for row in targets.ROWS
            if not row.extra and not (options.quick and "math12" in (row.key, row.workload))]


class Refused(Exception):
    """Nothing can be measured: exit code 2 with a message."""


def parse(arguments):
    parser = argparse.ArgumentParser(prog="report.sh", formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description=__doc__, usage=argparse.SUPPRESS)
    keys = ", ".join(row.key + (" (no target)" if row.extra else "") for row in targets.ROWS)
    parser.add_argument("--rows", metavar="KEY,...", type=lambda text: text.split(","),
                        help=f"only these: {keys}; by default those with targets")
    parser.add_argument("--repetitions", metavar="N", type=int, default=0,
                        help=f"of every row (default {REPETITIONS}; {HEAVY_REPETITIONS} where a run takes long)")
    parser.add_argument("--quick", action="store_true", help="leave out what runs math to 12 iterations")
    parser.add_argument("--json", metavar="FILE", help="write samples and verdicts to this file as well")
    parser.add_argument("--no-build", action="store_true", help="measure what TESSERA_BUILD (build/release) holds")
    parser.add_argument("--from", dest="saved", metavar="FILE",
                        help="measure nothing: print the table of the samples in a file that --json wrote")
    options = parser.parse_args(arguments)
    if options.repetitions < 0:
        parser.error("--repetitions: expected at least 1")
    return options


def build_programs(build):
    if build != (ROOT / "build" / "release").resolve():
        raise Refused("TESSERA_BUILD names another build folder: build it yourself and give --no-build")
    code = subprocess.run([ROOT / "scripts" / "build.sh", "release", "benchmarks"], stdout=sys.stderr, check=False)
    if code.returncode != 0:
        raise Refused("the benchmarks do not build")


def find_calibration(build):
    shared = pathlib.Path(os.environ.get("TESSERA_SHARED", ROOT.parent / "shared"))
    calibration = Calibration(shared / "calibrate" / "calibrate.cpp", build)
    if not calibration.available():
        return None, f"NO CALIBRATION: {calibration.source} is not there; times are in seconds, without verdicts"
    try:
        calibration.build()
    except Failed as failed:
        return None, f"NO CALIBRATION: {failed}; times are in seconds, without verdicts"
    return calibration, ""


def describe(measurement, pages, warning):
    lines = [f"transparent huge pages of measured processes: {pages}"]
    if pages != "off":
        lines[0] = lines[0].upper() + ": could not be switched off; timings may jump"
    cals = measurement.cals
    if warning:
        lines.append(f"*** {warning} ***")
    elif cals:
        lines.append(f"1 cal = {statistics.median(cals):.3f} s [{min(cals):.3f} .. {max(cals):.3f}], {len(cals)} runs")
    if cals and max(cals) > 1.25 * min(cals):
        lines.append("the machine was not steady: cal varied by more than a quarter")
    if "ranks" not in measurement.layouts:
        lines.append("*** no mpirun: two ranks are not measured ***")
    return lines


def finish(samples, notes, json_file):
    table = targets.table_of(samples)
    passed, failed, without = targets.tally(table)
    if json_file:
        document = {"notes": notes, "samples": samples, "table": table,
                    "passed": passed, "failed": failed, "without_verdict": without}
        pathlib.Path(json_file).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for note in notes:
        print(note)
    print(targets.text_of(table))
    return 1 if failed else 0


def from_saved(path, json_file):
    try:
        document = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        return finish(document["samples"], document["notes"], json_file)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{path}: expected a file that --json wrote ({error!r})") from None


def main(arguments):
    options = parse(arguments)
    try:
        if options.saved:
            return from_saved(options.saved, options.json)
        rows = chosen_rows(options)
        build = build_folder()
        if not options.no_build:
            build_programs(build)
        for program in ("tessera", "idle_superstep"):
            if not os.access(build / "bin" / program, os.X_OK):
                raise Refused(f"no program {build / 'bin' / program}: build it (scripts/build.sh release benchmarks)")
        calibration, warning = find_calibration(build)
        if warning:
            say(f"*** {warning} ***")
        measurement = Measurement(options, build, calibration)
        for row in rows:
            say(f"{row.title}:")
            measurement.measure(row)
        return finish(measurement.samples, describe(measurement, huge_pages_state(), warning), options.json)
    except (Refused, Failed) as error:
        print(f"report.sh: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
