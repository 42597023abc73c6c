#!/usr/bin/env python3
"""bench/compare.sh on folders of results: ratios, quartiles, verdicts, exit codes, and what it says of bad input."""

import json
import pathlib
import tempfile
import unittest

from bench_support import script

import ratios


def result(program, times, unit="ms", error=None):
    """A file as Google Benchmark writes it: one benchmark a name, with an aggregate that must be left alone."""
    entries = []
    for name, time in times.items():
        entries.append({"name": name, "run_name": name, "run_type": "iteration", "iterations": 3, "real_time": time,
                        "cpu_time": 1e9, "time_unit": unit})
        entries.append({"name": f"{name}_mean", "run_name": name, "run_type": "aggregate", "aggregate_name": "mean",
                        "real_time": 12345.0, "cpu_time": 1.0, "time_unit": unit})
    if error:
        entries.append({"name": error[0], "run_name": error[0], "run_type": "iteration", "error_occurred": True,
                        "error_message": error[1]})
    return {"context": {"executable": f"/any/where/{program}"}, "benchmarks": entries}


class Compare(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="tessera-compare-test-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        for side in ("old", "new"):
            (self.folder / side).mkdir()

    def write(self, side, number, document):
        (self.folder / side / f"match_bench-{number:03}.json").write_text(json.dumps(document), encoding="utf-8")

    def series(self, side, name, times, **options):
        for number, time in enumerate(times):
            self.write(side, number, result("match_bench", {name: time}, **options))

    def compare(self, *options):
        return script("compare.sh", *options, self.folder / "old", self.folder / "new")

    def line_of(self, output, name):
        return next(line.split() for line in output.splitlines() if line.startswith(name))

    def test_equal(self):
        for side in ("old", "new"):
            self.series(side, "deep/4096", [10, 11, 12])
        done = self.compare()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.line_of(done.stdout, "match_bench/deep/4096"),
                         ["match_bench/deep/4096", "11", "ms", "11", "ms", "1.000", "1.000", "..", "1.000"])
        self.assertIn("1 benchmarks compared; geometric mean of the ratios 1.000; 0 slower, 0 faster", done.stdout)

    def test_slower_pairwise_though_the_machine_drifts(self):
        # The machine slows down threefold while measuring; the pairs' ratios do not.
        self.series("old", "deep", [10, 15, 20, 25, 30])
        self.series("new", "deep", [11, 16.5, 22, 27.5, 33])
        done = self.compare()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.line_of(done.stdout, "match_bench/deep")[-5:],
                         ["1.100", "1.100", "..", "1.100", "slower"])
        self.assertEqual(self.compare("--threshold", 15).returncode, 0)

    def test_units_are_brought_together(self):
        self.series("old", "deep", [10] * 5)
        self.series("new", "deep", [5000] * 5, unit="us")
        done = self.compare()
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.line_of(done.stdout, "match_bench/deep")[-5:],
                         ["0.500", "0.500", "..", "0.500", "faster"])

    def test_noise_is_no_regression(self):
        self.series("old", "deep", [10, 10, 10, 10, 10])
        self.series("new", "deep", [9, 12, 13, 14, 14])
        done = self.compare()
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.line_of(done.stdout, "match_bench/deep")[-1], "slower?")

    def test_few_repetitions_prove_nothing(self):
        self.series("old", "deep", [10] * 4)
        self.series("new", "deep", [20] * 4)
        done = self.compare()
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.line_of(done.stdout, "match_bench/deep")[-1], "slower?")
        self.assertIn("fewer than 5 repetitions", done.stdout)

    def test_chances(self):
        self.assertEqual(ratios.chance_of(5, 5), 1 / 32)
        self.assertEqual(ratios.chance_of(4, 5), 6 / 32)
        self.assertLess(ratios.chance_of(7, 8), ratios.CHANCE)
        self.assertLess(ratios.CHANCE, ratios.chance_of(8, 10))

    def test_benchmarks_of_one_side_and_filter(self):
        self.write("old", 0, result("match_bench", {"deep": 1, "gone": 1}))
        self.write("new", 0, result("match_bench", {"deep": 1, "added": 1, "worse": 2}))
        done = self.compare()
        self.assertIn("only in old: match_bench/gone", done.stdout)
        self.assertIn("only in new: match_bench/added", done.stdout)
        self.assertNotIn("gone", self.compare("--filter", "deep").stdout)
        self.assertNotIn("match_bench/gone", self.compare("--filter", "-gone").stdout)

    def test_a_benchmark_that_fails_in_new(self):
        self.write("old", 0, result("match_bench", {"deep": 1}))
        self.write("new", 0, result("match_bench", {"deep": 1}, error=("hub", "matches: found 1, expected 2")))
        done = self.compare()
        self.assertEqual(done.returncode, 1)
        self.assertIn("error in new: match_bench/hub: matches: found 1, expected 2", done.stdout)

    def test_bad_input(self):
        self.series("new", "deep", [1])
        self.assertRegex(self.refused(), r"old: found no \.json file, expected results of --benchmark_format=json")
        (self.folder / "old" / "a.json").write_text("[1, 2]", encoding="utf-8")
        self.assertRegex(self.refused(), r"a\.json: expected a result of --benchmark_format=json")
        (self.folder / "old" / "a.json").write_text("{", encoding="utf-8")
        self.assertRegex(self.refused(), r"a\.json: expected a result")
        (self.folder / "old" / "a.json").write_text(json.dumps(result("other", {"x": 1})), encoding="utf-8")
        self.assertRegex(self.refused(), "OLD and NEW have no benchmark in common")
        self.assertRegex(self.refused("--repetitions", "0"), "--repetitions: expected at least 1")
        done = script("compare.sh", self.folder / "old", "no-such-commit")
        self.assertEqual(done.returncode, 2)
        self.assertIn("expected two versions, or two folders of results", done.stderr)
        done = script("compare.sh", "no-such-commit", "HEAD")
        self.assertEqual(done.returncode, 2)
        self.assertIn("git rev-parse", done.stderr)

    def refused(self, *options):
        done = self.compare(*options)
        self.assertEqual(done.returncode, 2, done.stdout)
        return done.stderr

    def test_help(self):
        done = script("compare.sh", "--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--filter", "--programs", "--repetitions", "--min-time", "--threshold", "--keep"):
            self.assertIn(option, done.stdout)


if __name__ == "__main__":
    unittest.main()
