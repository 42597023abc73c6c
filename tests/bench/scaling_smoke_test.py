#!/usr/bin/env python3
"""bench/scaling as a user runs it, in small: strong and weak scaling with CSV and plots, records, the model on them."""

import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(os.environ.get("TESSERA_PROGRAM", "build/release/bin/tessera"))
MPIEXEC = os.environ.get("TESSERA_MPIEXEC", "mpirun")
SCALING = pathlib.Path(__file__).resolve().parents[2] / "bench" / "scaling"
PYTHON = "/usr/bin/python3"  # Debian's own, which has matplotlib

sys.path.insert(0, str(SCALING))

import model  # noqa: E402


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=300)


class Scaling(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="tessera-test-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def rows(self, name):
        with open(self.folder / "out" / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def scale(self, *arguments):
        done = run(SCALING / "run.sh", "--program", PROGRAM, "--launcher", MPIEXEC + " -np {ranks}", "--out",
                   self.folder / "out", *arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def test_strong_and_weak_with_plots(self):
        plots = run(PYTHON, "-c", "import matplotlib").returncode == 0
        done = self.scale("--ranks", "1,2", "--threads", "1", "--workload", "math", "--iterations", "6",
                          "--repetitions", "1", *([] if plots else ["--no-plots"]))
        summary = self.rows("summary.csv")
        self.assertEqual([(row["mode"], row["ranks"]) for row in summary],
                         [("strong", "1"), ("strong", "2"), ("weak", "1"), ("weak", "2")])
        self.assertEqual([row["enodes"] for row in summary[:3]], ["1576", "1576", "1576"])
        self.assertGreater(int(summary[3]["enodes"]), 3000)
        for row in summary:
            self.assertGreater(float(row["seconds"]), 0)
            self.assertEqual(int(row["bytes"]) > 0, row["ranks"] == "2")
        self.assertEqual(summary[0]["speedup"], "1.0")
        self.assertLess(float(summary[1]["balance_requests"]), 2)
        runs = self.rows("runs.csv")
        self.assertEqual(len(runs), 4)  # the warm-up round is not among them
        self.assertEqual(runs[0]["digest"], runs[1]["digest"])
        iterations = [row for row in self.rows("iterations.csv") if (row["mode"], row["ranks"]) == ("strong", "2")]
        self.assertEqual(sum(int(row["bytes"]) for row in iterations), int(summary[1]["bytes"]))
        self.assertNotIn("failed", done.stderr)
        for name in ("strong", "weak") if plots else ():
            self.assertEqual((self.folder / "out" / f"{name}.png").read_bytes()[:4], b"\x89PNG")
            self.assertIn("</svg>", (self.folder / "out" / f"{name}.svg").read_text(encoding="utf-8"))
        self.assertEqual([path.name for path in (self.folder / "out").iterdir() if path.is_dir()], [])

    def test_blocking(self):
        self.scale("--ranks", "2", "--workload", "blocking", "--mode", "weak", "--repetitions", "1", "--no-plots")
        (row,) = self.rows("summary.csv")
        self.assertGreater(int(row["enodes"]), 10)

    def test_bad_options(self):
        for arguments, message in ((("--ranks", "0"), "expected numbers from 1"),
                                   (("--program", "/nowhere"), "found no program at /nowhere"),
                                   (("--repetitions", "0"), "expected at least 1")):
            done = run(PYTHON, SCALING / "scaling_runs.py", "--program", PROGRAM, *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(message, done.stderr)

    def test_a_run_that_fails_is_told_with_its_words(self):
        done = run(PYTHON, SCALING / "scaling_runs.py", "--program", PROGRAM, "--ranks", "1", "--mode", "strong",
                   "--out", self.folder / "out", "--extra=--no-such-option")
        self.assertEqual(done.returncode, 3)
        self.assertIn("unknown option '--no-such-option'", done.stderr)

    def record(self, ranks, *arguments):
        path = self.folder / f"work-{ranks}.jsonl"
        done = run(PROGRAM, *arguments, "-q", "--threads", "1", "--virtual-ranks", ranks, "--record-work", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return path

    def test_the_model_on_records(self):
        paths = [self.record(ranks, "saturate", "math", "--iterations", "7") for ranks in (1, 2, 4, 8)]
        done = run(PYTHON, SCALING / "model.py", *paths, "--enodes", "1M")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1,000,000 e-nodes (316 times the recorded 3,160); recorded on 1, 2, 4, 8 ranks", done.stdout)
        self.assertIn("against 2 ranks, it falls below 50 % at", done.stdout)
        rows = [line for line in done.stdout.splitlines() if line.startswith("  ") and "x)" in line]
        self.assertEqual(len(rows), len(model.DESIGNS))
        for design, row in zip(model.DESIGNS, rows):
            self.assertTrue(row.strip().startswith(design.name), row)
        first = json.loads(paths[1].read_text(encoding="utf-8").splitlines()[0])
        self.assertEqual((first["ranks"], first["command"], first["input"]), (2, "saturate", "math"))

    def expect_even(self, kind, size, *options):
        rules = self.folder / f"{kind}.rules"
        self.assertEqual(run(PYTHON, SCALING / "skew_inputs.py", kind, size, rules).returncode, 0)
        record = self.record(8, "saturate", rules, "--iterations", "2", *options)
        done = run(PYTHON, SCALING / "balance.py", record, "--most", "1.3")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_one_rule_with_nearly_all_matches_is_spread_evenly(self):
        self.expect_even("rule", "40000")

    def test_the_parents_of_a_hub_are_spread_evenly(self):
        self.expect_even("hub", "40000", "--ban", "down")

    def test_walks_from_every_parent_into_a_hub_are_spread_evenly(self):
        self.expect_even("hub", "40000")


if __name__ == "__main__":
    unittest.main()
