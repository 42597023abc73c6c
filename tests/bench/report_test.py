#!/usr/bin/env python3
"""bench/report.sh's table: what passes, what fails and what gets no verdict, from samples written down beforehand; and
the workloads' table."""

import json
import pathlib
import tempfile
import unittest

from bench_support import ROOT, script

import report
import targets
import workload

SAME = {"enodes": 1047896, "digest": "aa", "bytes": 100.0}


def repetition(one, two, ranks, cal=1.0, **more):
    sample = dict(SAME, **more)
    if cal is not None:
        sample["cal"] = cal
    times = {"one": one, "two": two, "ranks": ranks}
    return {layout: dict(sample, seconds=seconds) for layout, seconds in times.items()}


def verdicts(key, repetitions):
    (line,) = targets.table_of({key: repetitions})
    return [line["cells"][layout]["verdict"] for layout in ("one", "two", "ranks")]


class Verdicts(unittest.TestCase):
    def test_in_cal(self):
        # Targets 0.50, 0.32 and 0.40 cal: met exactly, met, missed.
        self.assertEqual(verdicts("math11", [repetition(1.0, 0.5, 0.9, cal=2.0)]), ["pass", "pass", "FAIL"])

    def test_the_cal_of_the_same_moment_counts(self):
        drifting = [repetition(0.4, 0.3, 0.3, cal=1.0), repetition(0.8, 0.6, 0.6, cal=2.0),
                    repetition(4.0, 3.0, 3.0, cal=10.0)]
        (line,) = targets.table_of({"math11": drifting})
        self.assertAlmostEqual(line["cells"]["one"]["measured"], 0.4)
        self.assertEqual([line["cells"]["one"]["least"], line["cells"]["one"]["greatest"]], [0.4, 0.4])

    def test_medians_decide(self):
        runs = [repetition(seconds, 0.3, 0.3) for seconds in (0.1, 0.6, 0.7)]
        self.assertEqual(verdicts("math11", runs)[0], "FAIL")

    def test_without_calibration_there_is_no_verdict_on_times(self):
        (line,) = targets.table_of({"math11": [repetition(0.1, 0.1, 0.1, cal=None)]})
        cell = line["cells"]["one"]
        self.assertEqual((cell["verdict"], cell["unit"], cell["measured"]), ("no verdict", "seconds", 0.1))
        text = targets.text_of([line])
        self.assertIn("0.1 s  no verdict", text)
        self.assertIn("0 targets met, 0 missed, 3 cells without a verdict", text)

    def test_ratios_are_formed_pairwise(self):
        # Each repetition's own ratio is 0.5, whatever the machine does in between; no cal is needed for them.
        runs = [repetition(seconds, seconds / 2, seconds * 0.8, cal=None, enodes=5) for seconds in (1.0, 3.0, 9.0)]
        self.assertEqual(verdicts("mobilenet-glenside", runs), ["no verdict", "pass", "FAIL"])

    def test_no_slower_allows_for_noise_and_no_more(self):
        sample = {"enodes": 57012}
        self.assertEqual(verdicts("assoc10", [repetition(0.100, 0.104, 0.1, **sample)])[1], "pass")
        self.assertEqual(verdicts("assoc10", [repetition(0.100, 0.106, 0.1, **sample)])[1], "FAIL")

    def test_bytes(self):
        runs = [{"one": {"bytes": 119}, "two": {"bytes": 131}, "ranks": {"bytes": 180}}]
        self.assertEqual(verdicts("bytes", runs), ["pass", "FAIL", "pass"])

    def test_idle_supersteps(self):
        idle = [{"one": {"iteration_us": 9.9, "raw_us": 0.1}, "two": {"iteration_us": 20.1, "raw_us": 0.1},
                 "ranks": {"iteration_us": 30.0, "raw_us": 10.0}}]
        self.assertEqual(verdicts("superstep", idle), ["pass", "FAIL", "pass"])

    def test_a_wrong_result_meets_no_target(self):
        self.assertEqual(verdicts("math11", [repetition(0.1, 0.1, 0.1, enodes=7)]), ["FAIL"] * 3)
        runs = [repetition(0.1, 0.1, 0.1)]
        runs[0]["two"]["digest"] = "bb"
        self.assertEqual(verdicts("math11", runs), ["FAIL"] * 3)
        runs = [repetition(0.1, 0.1, 0.1)]
        runs[0]["ranks"] = {"failure": "two ranks x one thread: exit code 3: no memory"}
        (line,) = targets.table_of({"math11": runs})
        self.assertEqual(line["faults"], ["two ranks x one thread: exit code 3: no memory"])
        self.assertIn("  wrong: two ranks x one thread: exit code 3: no memory", targets.text_of([line]))

    def test_a_layout_that_was_not_run(self):
        runs = [repetition(0.1, 0.1, 0.1)]
        del runs[0]["ranks"]
        self.assertEqual(verdicts("math11", runs), ["pass", "pass", "not measured"])

    def test_rows_without_targets(self):
        self.assertEqual(verdicts("blocking-sweep", [repetition(1, 1, 1, enodes=9)]), ["no verdict"] * 3)


class Samples(unittest.TestCase):
    REPORT = {"search_seconds": 2.0, "digest": "ab", "stop_reason": "saturated",
              "iterations": [{"enodes": 10}, {"enodes": 200}],
              "phases": [{"name": "match", "seconds": 1.5}, {"name": "extract", "seconds": 0.25}],
              "ranks": [{"peak_memory_bytes": 15000}, {"peak_memory_bytes": 5000}]}

    def test_from_a_report(self):
        sample = report.sample_of_report(self.REPORT, "search")
        self.assertEqual((sample["seconds"], sample["enodes"], sample["bytes"]), (2.0, 200, 100.0))
        self.assertEqual(report.sample_of_report(self.REPORT, "search+extract")["seconds"], 2.25)


class Program(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="tessera-report-test-")
        self.addCleanup(holder.cleanup)
        self.file = pathlib.Path(holder.name, "saved.json")

    def saved(self, samples):
        self.file.write_text(json.dumps({"samples": samples, "notes": ["as it was"]}), encoding="utf-8")
        return script("report.sh", "--from", self.file, "--json", self.file)

    def test_prints_a_saved_table_and_exits_by_it(self):
        done = self.saved({"math11": [repetition(0.4, 0.3, 0.4)]})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("as it was", done.stdout)
        self.assertRegex(done.stdout, r"math, 11 iterations +0\.4 cal  pass +0\.3 cal  pass +0\.4 cal  pass")
        self.assertIn("<= 0.5 cal  [0.4 .. 0.4]", done.stdout)
        written = json.loads(self.file.read_text(encoding="utf-8"))
        self.assertEqual((written["passed"], written["failed"]), (3, 0))
        self.assertEqual(written["table"][0]["cells"]["two"]["target"], "<= 0.32 cal")
        done = self.saved({"math11": [repetition(0.6, 0.3, 0.4)]})
        self.assertEqual(done.returncode, 1)
        self.assertIn("2 targets met, 1 missed", done.stdout)

    def test_bad_options(self):
        for arguments, said in ((("--rows", "mathematics"), "found 'mathematics', expected some of math11"),
                                (("--repetitions", "-1"), "expected at least 1"),
                                (("--from", "/no/such/file"), "No such file"),
                                (("--from", ROOT / "LICENSE"), "expected a file that --json wrote")):
            done = script("report.sh", *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)

    def test_nothing_built(self):
        done = script("report.sh", "--no-build", TESSERA_BUILD="/no/such/folder")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no program /no/such/folder/bin/tessera", done.stderr)

    def test_help(self):
        done = script("report.sh", "--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--rows", "--repetitions", "--quick", "--json", "--no-build", "--from", "blocking-sweep"):
            self.assertIn(option, done.stdout)


class Workloads(unittest.TestCase):
    def test_every_row_names_one(self):
        for row in targets.ROWS:
            if row.of != "idle":
                self.assertIn(row.workload, workload.workloads())

    def test_prints_commands(self):
        done = script("workload.sh", "--print", "mobilenet-glenside", "--threads", "2", TESSERA_BUILD="/b")
        expected = ("/b/bin/tessera search /b/workloads/mobilenet-first-convolution.glenside --rules glenside "
                    "--enodes 5M --array 64x64 --no-verify --threads 2")
        self.assertEqual(done.stdout, expected + "\n")

    def test_refuses_unknown_ones(self):
        done = script("workload.sh", "meth11")
        self.assertEqual(done.returncode, 2)
        self.assertIn("found 'meth11', expected one of math11, math12", done.stderr)
        self.assertEqual(script("workload.sh").returncode, 2)
        self.assertIn("math12", script("workload.sh", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
