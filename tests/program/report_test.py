#!/usr/bin/env python3
"""report.json has every field of io/REPORT_FORMAT.md with its type and range, and its figures agree with each other."""

import json
import pathlib
import re
import unittest

from program_support import DONE, FAILURE, SMALL_MODEL, ProgramTest, main, tessera

COUNT = "count"      # an integer that is not negative
SECONDS = "seconds"  # a number that is not negative
RATIO = "ratio"      # a number from 0 to 1

LAYER = {"name": str, "kind": str, "m": COUNT, "k": COUNT, "n": COUNT, "groups": COUNT, "tensorized": bool,
         "array": str, "stationary": str, "calls": COUNT, "calls_bound": COUNT, "cycles": COUNT, "cycles_bound": COUNT,
         "utilization": RATIO, "max_abs_err": SECONDS}
PHASE = {"name": str, "seconds": SECONDS, "supersteps": COUNT}
FORMAT = {
    "format_version": COUNT, "model": str, "stop_reason": str, "saturated": bool, "digest": str,
    "program_digest": str, "options": dict, "versions": dict, "layers": [LAYER],
    "totals": {"layers": COUNT, "tensorized": COUNT, "calls": COUNT, "calls_bound": COUNT, "cycles": COUNT,
               "cycles_bound": COUNT},
    "verification": {"status": str, "mode": str, "tolerance": SECONDS, "network_max_abs_err": SECONDS},
    "iterations": [{"iteration": COUNT, "enodes": COUNT, "eclasses": COUNT,
                    "rules": [{"name": str, "matches": COUNT, "unions": COUNT}], "phases": [PHASE]}],
    "rules": [{"name": str, "seconds": SECONDS, "matches": COUNT, "applications": COUNT, "times_put_aside": COUNT}],
    "ranks": [{"rank": COUNT, "peak_memory_bytes": COUNT, "enodes": COUNT, "bytes_sent": COUNT, "bytes_received": COUNT,
               "messages_sent": COUNT, "messages_received": COUNT, "exchanges": COUNT,
               "busy_seconds": SECONDS}],
    "phases": [PHASE], "search_seconds": SECONDS, "unattributed_seconds": SECONDS, "total_seconds": SECONDS,
}


def faults(value, form, at=""):
    """Where a value does not have its form."""
    if isinstance(form, dict):
        if not isinstance(value, dict) or list(value) != list(form):
            return [f"{at}: found {list(value) if isinstance(value, dict) else value}, expected keys {list(form)}"]
        return [fault for key in form for fault in faults(value[key], form[key], f"{at}.{key}")]
    if isinstance(form, list):
        if not isinstance(value, list) or not value:
            return [f"{at}: found {value}, expected a list that is not empty"]
        return [fault for i, entry in enumerate(value) for fault in faults(entry, form[0], f"{at}[{i}]")]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    fits = {COUNT: is_number and isinstance(value, int), SECONDS: is_number, RATIO: is_number and value <= 1}
    good = fits[form] if form in fits else isinstance(value, form)
    return [] if good else [f"{at}: found {value!r}, expected {form}"]


class Report(ProgramTest):
    def test_every_key_is_documented(self):
        page = pathlib.Path(__file__).resolve().parents[2] / "io" / "REPORT_FORMAT.md"
        documented = re.findall(r"(?m)^\| `(\w+)(?:\[\])?` \|", page.read_text(encoding="utf-8").split("\n## ")[0])
        self.assertEqual(list(FORMAT), documented)

    def test_form(self):
        self.assertEqual(faults(self.search(SMALL_MODEL, ranks=2), FORMAT), [])

    def test_figures_agree(self):
        for ranks in (1, 3):
            report = self.search(SMALL_MODEL, "--threads", "1", ranks=ranks)
            totals = report["totals"]
            self.assertEqual(totals["layers"], len(report["layers"]))
            for key in ("calls", "calls_bound", "cycles", "cycles_bound"):
                self.assertEqual(totals[key], sum(layer[key] for layer in report["layers"]), key)
            self.assertEqual(len({layer["name"] for layer in report["layers"]}), 28)
            for layer in report["layers"]:
                work = layer["m"] * layer["k"] * layer["n"] * layer["groups"]
                self.assertAlmostEqual(layer["utilization"], work / (64 * 64 * layer["cycles"]), delta=1e-9)
                self.assertEqual(layer["array"], "64x64")
                self.assertIn(layer["stationary"], ("weights", "data", "mixed"))
            kinds = [layer["kind"] for layer in report["layers"]]
            self.assertEqual([kinds.count(kind) for kind in ("conv2d", "depthwise", "dense")], [14, 13, 1])

            iterations = report["iterations"]
            self.assertEqual([iteration["iteration"] for iteration in iterations], list(range(1, len(iterations) + 1)))
            for i, rule in enumerate(report["rules"]):
                self.assertEqual({iteration["rules"][i]["name"] for iteration in iterations}, {rule["name"]})
                self.assertEqual(rule["matches"], sum(iteration["rules"][i]["matches"] for iteration in iterations))
                self.assertEqual(rule["applications"], rule["matches"])
            # The last iteration of a saturated search has found nothing new.
            self.assertTrue(report["saturated"])
            self.assertEqual(sum(rule["unions"] for rule in iterations[-1]["rules"]), 0)
            self.assertEqual(iterations[-1]["enodes"], iterations[-2]["enodes"])

            self.assertEqual([rank["rank"] for rank in report["ranks"]], list(range(ranks)))
            self.assertEqual(sum(rank["enodes"] for rank in report["ranks"]), iterations[-1]["enodes"])
            for sent, received in (("bytes_sent", "bytes_received"), ("messages_sent", "messages_received")):
                sums = [sum(rank[key] for rank in report["ranks"]) for key in (sent, received)]
                self.assertEqual(sums[0], sums[1])
                self.assertEqual(sums[0] > 0, ranks > 1)
            for rank in report["ranks"]:
                self.assertGreater(rank["peak_memory_bytes"], 1 << 20)
                self.assertLessEqual(rank["busy_seconds"], report["total_seconds"])

            self.assertEqual({iteration["phases"][0]["name"] for iteration in iterations}, {"match"})
            names = [phase["name"] for phase in report["phases"]]
            for name in ("match", "apply", "merge", "rebuild", "analyze", "digest", "extract", "verify"):
                self.assertEqual(names.count(name), 1, name)
            covered = sum(phase["seconds"] for phase in report["phases"])
            self.assertGreaterEqual(report["unattributed_seconds"], 0)
            self.assertAlmostEqual(covered + report["unattributed_seconds"], report["total_seconds"], delta=0.05)

            self.assertEqual(report["verification"]["status"], "passed")
            self.assertLessEqual(report["verification"]["network_max_abs_err"], 1)
            self.assertEqual(report["options"]["ranks"], str(ranks))
            self.assertEqual(report["options"]["threads"], "1")
            self.assertRegex(report["digest"], "^[0-9a-f]{32}$")
            self.assertRegex(report["program_digest"], "^[0-9a-f]{16}$")

    def test_what_is_printed(self):
        report = self.search(SMALL_MODEL, "--no-verify", "--array", "16x16")
        for layer in report["layers"]:
            self.assertRegex(self.outcome.output, rf"(?m)^{layer['name']} .*16x16 .*\b{layer['calls']:,}\b")
        self.assertRegex(self.outcome.output, "28 of 28 layers tensorized; saturated: true; verification: skipped")
        for name in ("program.glenside", "report.json", "run.log"):
            self.assertIn(f"out/{name}", self.outcome.output)
        self.assertNotIn("\r", self.outcome.errors)    # no live line where there is no terminal
        self.assertNotIn("\x1b", self.outcome.errors)
        self.assertIn(report["digest"], self.outcome.errors)

    def test_quiet(self):
        self.search(SMALL_MODEL, "--no-verify", "--quiet")
        self.assertEqual(self.outcome.errors, "")
        self.assertIn("28 of 28", self.outcome.output)

    def test_network_scope(self):
        report = self.search(SMALL_MODEL, "--scope", "network", ranks=2)
        self.assertEqual(faults(report, FORMAT), [])
        self.assertEqual(report["options"]["scope"], "network")
        self.assertTrue(report["saturated"])
        self.expect_all_on_arrays(report)


class Help(unittest.TestCase):
    def test_exit_codes_and_options(self):
        for arguments in (["--help"], ["search", "--help"]):
            outcome = tessera(*arguments)
            self.assertEqual(outcome.code, DONE, str(outcome))
            for text in ("Exit codes:", "0  all layers tensorized and verified", "1  finished, but some layer",
                         "2  bad input or options", "3  internal or verification failure"):
                self.assertIn(text, outcome.output)
        for option in ("--array", "--scope", "--rules", "--shards", "--threads", "--iterations", "--enodes",
                       "--memory-limit", "--time-limit", "--ban", "--pin", "--out", "--seed", "--no-verify"):
            self.assertIn(option, outcome.output)
        self.assertRegex(tessera("--version").output, r"^tessera \d+\.\d+\.\d+\n$")


class SaturationReport(ProgramTest):
    """`tessera saturate --report FILE` writes the same report: of no layers and no program."""

    def report(self, *options, ranks=None):
        outcome = tessera("saturate", "assoc10", "--iterations", 6, "--report", "r.json", "--quiet", *options,
                          ranks=ranks, folder=self.folder)
        self.assertEqual(outcome.code, DONE, outcome)
        return json.loads((self.folder / "r.json").read_text(encoding="utf-8"))

    def test_form_and_figures(self):
        report = self.report()
        self.assertEqual(list(report), list(FORMAT))
        for key in ("iterations", "rules", "ranks", "phases"):
            self.assertEqual(faults(report[key], FORMAT[key]), [])
        self.assertEqual((report["model"], report["stop_reason"], report["saturated"], report["layers"]),
                         ("assoc10", "iterations", False, []))
        self.assertEqual(report["options"]["iterations"], "6")
        self.assertNotIn("array", report["options"])
        in_phases = sum(phase["seconds"] for phase in report["phases"] if phase["name"] not in ("read", "digest"))
        self.assertLessEqual(in_phases, report["search_seconds"])
        self.assertLess(report["search_seconds"], report["total_seconds"])

    def test_snapshots_are_a_phase_and_no_part_of_the_search(self):
        for ranks in (None, 2):
            report = self.report("--snapshot", f"keep-{ranks or 1}", ranks=ranks)
            seconds = {phase["name"]: phase["seconds"] for phase in report["phases"]}
            self.assertGreater(seconds["snapshot"], 0)
            self.assertLess(report["search_seconds"], report["total_seconds"])
            if ranks:  # the search's seconds are rank 0's, a phase's those of whichever rank took longest
                continue
            beside = ("read", "digest", "snapshot")
            self.assertLessEqual(sum(time for name, time in seconds.items() if name not in beside),
                                 report["search_seconds"])
            self.assertLessEqual(seconds["snapshot"] + report["search_seconds"], report["total_seconds"])

    def test_the_same_on_any_layout(self):
        reports = [self.report("--threads", threads, ranks=ranks) for ranks, threads in ((None, 1), (2, 1), (3, 2))]
        self.assertEqual([len(report["ranks"]) for report in reports], [1, 2, 3])
        self.assertEqual(len({report["digest"] for report in reports}), 1)
        for report in reports:
            self.assertEqual(sum(rank["enodes"] for rank in report["ranks"]), report["iterations"][-1]["enodes"])

    def test_the_same_however_messages_are_exchanged(self):
        reports = [self.report("--exchange", way, ranks=3) for way in ("dense", "sparse", "auto")]
        self.assertEqual(len({report["digest"] for report in reports}), 1)
        traffic = [[(rank["bytes_sent"], rank["messages_sent"]) for rank in report["ranks"]] for report in reports]
        self.assertGreater(traffic[0][0][0], 0)
        self.assertEqual(traffic[0], traffic[1])
        self.assertEqual(traffic[0], traffic[2])

    def test_a_file_that_cannot_be_written(self):
        for ranks in (None, 2):
            outcome = tessera("saturate", "assoc10", "--iterations", 2, "--report", "no/such/folder/r.json", "--quiet",
                              ranks=ranks, folder=self.folder)
            self.assertEqual(outcome.code, FAILURE, outcome)
            self.assertEqual(len(outcome.messages), 1, outcome)
            self.assertIn("no/such/folder/r.json", outcome.messages[0])
            self.assertIn("stopped: iterations", outcome.output)


if __name__ == "__main__":
    main()
