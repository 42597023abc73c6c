#!/usr/bin/env python3
"""How searches end: what the exit code, the report and the files say when rules are missing, wrong or doubled, and when
a limit stops the search."""

import math
import unittest

from program_support import DONE, FAILURE, INCOMPLETE, SMALL_MODEL, ProgramTest, main

# Keeps the first of two partial products and forgets the other: right shapes, a lower cost, a wrong result.
FORGET = '(include "blocking")\n(rewrite forget-half (compute elementwise-add (access-pair ?x ?y)) ?x)\n'


class WrongRule(ProgramTest):
    def test_verification_catches_it(self):
        self.write("wrong.rules", FORGET)
        for ranks in (None, 2):
            report = self.search(SMALL_MODEL, "--rules", "wrong.rules", ranks=ranks, code=FAILURE)
            self.assertEqual(report["verification"]["status"], "failed")
            self.assertTrue(report["saturated"])
            self.assertRegex(self.outcome.errors, r"verification failed: layer separable_conv_block_\d+_conv2: differs")
            self.assertRegex((self.folder / "out/run.log").read_text(encoding="utf-8"), "verification failed: layer")
            self.assertRegex(self.outcome.output, "verification: failed")
            # It was extracted: it promises fewer calls than there can be.
            self.assertLess(report["totals"]["calls"], report["totals"]["calls_bound"])

    def test_unnoticed_without_verification(self):
        self.write("wrong.rules", FORGET)
        report = self.search(SMALL_MODEL, "--rules", "wrong.rules", "--no-verify", code=DONE)
        self.assertEqual(report["verification"]["status"], "skipped")
        self.assertTrue(all(layer["max_abs_err"] is None for layer in report["layers"]))


class MissingRule(ProgramTest):
    def test_without_map_nothing_runs_on_arrays(self):
        for ranks in (None, 2):
            report = self.search(SMALL_MODEL, "--ban", "map", ranks=ranks, code=INCOMPLETE)
            self.assertEqual(report["totals"]["tensorized"], 0)
            self.assertEqual(report["totals"]["layers"], 28)
            self.assertEqual(report["totals"]["calls"], 0)
            self.assertTrue(report["saturated"])
            # What is left is still the same network.
            self.assertEqual(report["verification"]["status"], "passed")
            self.assertNotIn("map", [rule["name"] for rule in report["rules"]])
            self.assertEqual(report["options"]["ban"], "map")
            for layer in report["layers"]:
                self.assertFalse(layer["tensorized"])
                for key in ("array", "stationary", "calls", "cycles", "utilization"):
                    self.assertIsNone(layer[key])
                self.assertGreater(layer["calls_bound"], 0)
            self.assertRegex(self.outcome.output, "0 of 28 layers tensorized")

    def test_without_packing_depthwise_layers_stay(self):
        bans = [part for rule in ("pack-all", "pack-evenly", "pack-with-rest") for part in ("--ban", rule)]
        report = self.search(SMALL_MODEL, "--no-verify", *bans, code=INCOMPLETE)
        for layer in report["layers"]:
            self.assertEqual(layer["tensorized"], layer["kind"] != "depthwise", layer["name"])


class Doubled(ProgramTest):
    def test_rules_given_twice(self):
        once = self.search(SMALL_MODEL, "--no-verify", out="once")
        twice = self.search(SMALL_MODEL, "--no-verify", "--rules", "blocking", "--rules", "blocking", out="twice")
        self.assertEqual(once["digest"], twice["digest"])
        self.assertEqual(len(once["rules"]), len(twice["rules"]))
        self.assertEqual(self.program_text("once"), self.program_text("twice"))

    def test_two_arrays(self):
        arrays = ("64x64", "32x64")
        alone = [self.search(SMALL_MODEL, "--no-verify", "--array", array, out=array) for array in arrays]
        both = self.search(SMALL_MODEL, "--array", arrays[0], "--array", arrays[1], out="both")
        self.assertEqual(both["totals"]["tensorized"], 28)
        self.assertEqual(both["options"]["array"], "64x64,32x64")
        used = set()
        for layer, first, second in zip(both["layers"], alone[0]["layers"], alone[1]["layers"]):
            best = min((first["cycles_bound"], first["calls_bound"]), (second["cycles_bound"], second["calls_bound"]))
            self.assertEqual((layer["cycles_bound"], layer["calls_bound"]), best, layer["name"])
            # A layer may use both arrays, and then needs fewer cycles than on either one.
            self.assertLessEqual((layer["cycles"], layer["calls"]), best, layer["name"])
            if "+" not in layer["array"]:
                self.assertEqual((layer["cycles"], layer["calls"]), best, layer["name"])
            used.update(layer["array"].split("+"))
        self.assertEqual(used, set(arrays))
        self.assertEqual(both["verification"]["status"], "passed")

    def test_one_array_twice(self):
        report = self.search(SMALL_MODEL, "--no-verify", "--array", "64x64", "--array", "64x64")
        self.assertEqual(report["options"]["array"], "64x64")
        self.expect_all_on_arrays(report)


class Stopped(ProgramTest):
    def expect_stopped(self, report, reason):
        self.assertEqual(report["stop_reason"], reason)
        self.assertFalse(report["saturated"])
        self.assertIn(f"stopped: {reason}", self.outcome.errors)
        self.assertIn(f"stopped: {reason}", (self.folder / "out/run.log").read_text(encoding="utf-8"))
        # What was found until then is a program all the same, and is verified.
        self.assertEqual(report["verification"]["status"], "passed")

    def test_by_memory(self):
        # Less than the program itself needs: the model is there, and nothing else.
        for ranks in (None, 2):
            report = self.search(SMALL_MODEL, "--memory-limit", "8MiB", ranks=ranks, code=INCOMPLETE)
            self.expect_stopped(report, "memory")
            self.assertRegex(self.outcome.errors, "memory limit of 8.0 MiB a rank was reached")
            self.assertEqual(report["totals"]["tensorized"], 0)

    def test_by_iterations(self):
        report = self.search(SMALL_MODEL, "--iterations", "3", code=INCOMPLETE)
        self.expect_stopped(report, "iterations")
        self.assertEqual(len(report["iterations"]), 3)

    def test_by_enodes(self):
        report = self.search(SMALL_MODEL, "--enodes", "1k", code=INCOMPLETE)
        self.expect_stopped(report, "enodes")
        self.assertGreaterEqual(report["iterations"][-1]["enodes"], 1000)
        self.assertTrue(all(iteration["enodes"] < 1000 for iteration in report["iterations"][:-1]))

    def test_by_time(self):
        report = self.search(SMALL_MODEL, "--time-limit", "1ms", ranks=2, code=INCOMPLETE)
        self.expect_stopped(report, "time")

    def test_rules_put_aside_are_named(self):
        report = self.search(SMALL_MODEL, "--no-verify", "--match-limit", "20", code=DONE)
        aside = [rule["name"] for rule in report["rules"] if rule["times_put_aside"] > 0]
        self.assertNotEqual(aside, [])
        for name in aside:
            self.assertIn(f"rule {name} was put aside", self.outcome.errors)
        # Put aside, not lost: in the end everything was found.
        self.assertTrue(report["saturated"])
        self.expect_all_on_arrays(report)
        free = self.search(SMALL_MODEL, "--no-verify", out="free")
        self.assertEqual(report["digest"], free["digest"])
        self.assertTrue(all(rule["applications"] <= rule["matches"] for rule in report["rules"]))
        self.assertFalse(any(rule["times_put_aside"] for rule in free["rules"]))


class Arithmetic(ProgramTest):
    def test_other_seeds_verify_too(self):
        errors = set()
        for seed in ("1", "2", "18446744073709551615"):
            report = self.search(SMALL_MODEL, "--seed", seed)
            self.assertEqual(report["verification"]["status"], "passed")
            errors.add(report["verification"]["network_max_abs_err"])
        self.assertTrue(all(math.isfinite(error) for error in errors))
        self.assertGreater(len(errors), 1)


if __name__ == "__main__":
    main()
