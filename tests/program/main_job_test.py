#!/usr/bin/env python3
"""The main job on the real MobileNet v1, as it was exported to Relay: every layer on arrays at its closed form,
verified, and the same bytes on any number of ranks, threads and shards."""

import unittest

from program_support import RELAY_MODEL, ProgramTest, main, needs_relay_model


def same_everywhere(report):
    """What of a report may not depend on how the work was divided."""
    def counts(iteration):
        supersteps = {phase["name"]: phase["supersteps"] for phase in iteration["phases"]}
        return [iteration[key] for key in ("iteration", "enodes", "eclasses", "rules")] + [supersteps]

    return {
        "digest": report["digest"], "program_digest": report["program_digest"],
        "stop_reason": report["stop_reason"], "totals": report["totals"],
        "layers": [{key: layer[key] for key in layer if key != "max_abs_err"} for layer in report["layers"]],
        "iterations": [counts(iteration) for iteration in report["iterations"]],
        "rules": [{key: rule[key] for key in rule if key != "seconds"} for rule in report["rules"]],
        "enodes": sum(rank["enodes"] for rank in report["ranks"]),
    }


@needs_relay_model
class MainJob(ProgramTest):
    def expect_done(self, *arguments, ranks):
        report = self.search(RELAY_MODEL, *arguments, ranks=ranks)
        self.assertEqual(report["totals"]["layers"], 28)
        self.assertTrue(report["saturated"])
        self.expect_all_on_arrays(report)
        self.assertEqual(report["verification"]["status"], "passed")
        for layer in report["layers"]:
            self.assertIsNotNone(layer["max_abs_err"])
            self.assertLess(layer["max_abs_err"], 1e-3)
        self.assertIn("28 of 28 layers tensorized; saturated: true; verification: passed", self.outcome.output)

    def test_64x64_on_four_ranks(self):
        self.expect_done("--array", "64x64", ranks=4)

    def test_16x16(self):
        self.expect_done("--array", "16x16", ranks=2)

    def test_128x128(self):
        self.expect_done("--array", "128x128", ranks=None)

    def test_32x64(self):
        self.expect_done("--array", "32x64", ranks=2)

    def test_as_network(self):
        self.expect_done("--array", "64x64", "--scope", "network", ranks=4)


@needs_relay_model
class Determinism(ProgramTest):
    def compare(self, layouts, *arguments):
        expected = None
        for ranks, threads, shards in layouts:
            report = self.search(RELAY_MODEL, "--no-verify", "--threads", threads, "--shards", shards, *arguments,
                                 ranks=ranks)
            found = same_everywhere(report)
            program = self.program_text()
            if expected is None:
                self.assertTrue(report["saturated"])
                expected, expected_program = found, program
                continue
            layout = f"{ranks} ranks, {threads} threads, {shards} shards"
            for key, value in expected.items():
                self.assertEqual(found[key], value, f"{key}, {layout}")
            self.assertTrue(program == expected_program, f"program.glenside, {layout}")

    def test_by_layer(self):
        self.compare([(1, 1, 1), (1, 2, 16), (2, 1, 4), (2, 2, 1), (3, 1, 16), (4, 2, 4), (8, 1, 1), (8, 2, 16)])

    def test_as_network(self):
        self.compare([(1, 1, 1), (2, 2, 4), (3, 1, 1), (8, 1, 16)], "--scope", "network")


if __name__ == "__main__":
    main()
