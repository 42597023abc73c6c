#!/usr/bin/env python3
"""bench/snapshot.sh: its verdicts, from samples written down beforehand, and that it runs."""

import json
import os
import pathlib
import tempfile
import unittest

from bench_support import script

import snapshot


def cost_round(plain, kept):
    return {"plain": {"seconds": plain, "processor": plain}, "kept": {"seconds": kept, "processor": kept}, "bytes": 9e6,
            "newest": 4e6, "plain_write": 0.25, "waited": 0.04}


class Verdicts(unittest.TestCase):
    def test_the_median_of_ratios_within_rounds_decides(self):
        steady = [cost_round(1.0, 1.04), cost_round(10.0, 10.4), cost_round(1.0, 2.0)]
        line = snapshot.cost_line("math11", "one", steady)
        self.assertTrue(line.met)
        self.assertIn("1.040 [1.040 .. 2.000]  pass", line.text(9))
        self.assertIn("plain writing of the newest's 4 MB takes 0.250 s", line.beside)
        self.assertIn("the search waited 0.040 s", line.beside)
        self.assertNotIn("periodic", line.beside)
        parts = [one | {"last": {"seconds": 1.03 * one["plain"]["seconds"]}} for one in steady]
        self.assertIn("1.030 without the periodic ones", snapshot.cost_line("math11", "one", parts).beside)
        self.assertFalse(snapshot.cost_line("math11", "one", [cost_round(1.0, 1.06)] * 3).met)

    def test_verdicts_that_more_rounds_may_change_have_a_question_mark(self):
        def verdict(costs):
            return snapshot.cost_line("math11", "one", [cost_round(1.0, cost) for cost in costs]).verdict

        self.assertEqual(verdict([1.03] * 5), "pass?")  # of so few, all may err
        self.assertEqual(verdict([1.03] * 6), "pass")
        self.assertEqual(verdict([1.06] * 6), "FAIL")
        self.assertEqual(verdict([1.03] * 8 + [1.2]), "pass")
        self.assertEqual(verdict([1.03] * 7 + [1.2] * 2), "pass?")
        self.assertEqual(verdict([1.0] * 2 + [1.2] * 7), "FAIL?")
        self.assertEqual(verdict([1.0] + [1.2] * 8), "FAIL")

    def test_half_the_rate_of_plain_hdf5_is_enough(self):
        said = {"mib": 100, "snapshot_s": [1.9, 2.0, 9.0], "plain_s": [1.0, 1.0, 1.0], "cached_s": [0.5, 0.5, 0.5]}
        self.assertTrue(snapshot.rate_line("one", said).met)
        said["snapshot_s"] = [2.1, 2.1, 0.1]
        self.assertFalse(snapshot.rate_line("one", said).met)


class Runs(unittest.TestCase):
    def test_how_long_a_search_waited_is_in_its_report(self):
        with tempfile.TemporaryDirectory(prefix="tessera-snapshot-test-") as folder:
            phases = [{"name": "match", "seconds": 2.0}, {"name": "snapshot", "seconds": 0.25}]
            for report in (pathlib.Path(folder) / "report.json", pathlib.Path(folder) / "a" / "out" / "report.json"):
                report.parent.mkdir(parents=True, exist_ok=True)
                report.write_text(json.dumps({"phases": phases}), encoding="utf-8")
            for run in (pathlib.Path(folder), pathlib.Path(folder) / "a"):
                self.assertEqual(snapshot.waited(run), 0.25)

    def test_it_measures_the_rate(self):
        with tempfile.TemporaryDirectory(prefix="tessera-snapshot-test-") as folder:
            result = pathlib.Path(folder) / "result.json"
            done = script("snapshot.sh", "--no-build", "--rows", "rate", "--mib", "2", "--repetitions", "1", "--folder",
                          folder, "--json", result)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            self.assertRegex(done.stdout, r"snapshot of 2 MiB to disk, two ranks +>= 0\.5")
            samples = json.loads(result.read_text(encoding="utf-8"))["samples"]
            self.assertEqual([samples[key]["ranks"] for key in ("rate, one", "rate, ranks")], [1, 2])
            self.assertEqual(os.listdir(folder), ["result.json"])

    def test_bad_options(self):
        for arguments, words in ((("--rows", "maths"), "maths"), (("--layouts", "three"), "three"),
                                 (("--folder", "/nowhere"), "/nowhere"), (("--mib", "0"), "at least 1")):
            done = script("snapshot.sh", "--no-build", *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
