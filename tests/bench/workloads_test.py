#!/usr/bin/env python3
"""The workloads' programs are what they say, and run under `tessera` in every layout with the same result; and
idle_superstep under mpirun."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from bench_support import script

BUILD = pathlib.Path(os.environ["TESSERA_BUILD"])
MPIEXEC = os.environ.get("TESSERA_MPIEXEC", "mpirun")


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)


class Programs(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="tessera-workloads-test-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def search(self, name, *options, ranks=1, code=0):
        printed = script("workload.sh", "--print", name, *options, "--quiet", "--out", self.folder / "out").stdout
        command = printed.split()
        done = run(*([] if ranks == 1 else [MPIEXEC, "-np", ranks]), *command)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads((self.folder / "out" / "report.json").read_text(encoding="utf-8"))

    def test_the_sweep_has_the_layers_of_both_networks(self):
        text = (BUILD / "workloads" / "blocking-sweep.glenside").read_text(encoding="utf-8")
        # ResNet-50: 53 convolutions and a dense layer, of which 24 are different; MobileNet v1: 20 of 28.
        self.assertEqual(text.count("compute dot-product"), 44)
        for layer in ("i1x3x224x224_o64_k7x7_s2x2_p3x3x3x3_g1", "i1x3x224x224_o32_k3x3_s2x2_p1x1x1x1_g1",
                      "i1x512x7x7_o512_k3x3_s1x1_p1x1x1x1_g1", "i1x1024x14x14_o2048_k1x1_s2x2_p0x0x0x0_g1"):
            self.assertIn(f"(tensor data_conv2d_{layer} ", text)
        self.assertRegex(text, r"\(tensor weight_\S+ \(shape 1000 2048\) float32\)")

    def test_the_small_sweep_saturates_everywhere_alike(self):
        reports = [self.search("blocking-sweep-small", "--threads", threads, ranks=ranks)
                   for ranks, threads in ((1, 1), (1, 2), (2, 1))]
        for report in reports:
            self.assertTrue(report["saturated"])
            self.assertEqual(report["totals"]["tensorized"], report["totals"]["layers"])
            self.assertLessEqual(report["totals"]["cycles"], report["totals"]["cycles_bound"])
            self.assertGreater(report["search_seconds"], 0)
        self.assertEqual(len({report["digest"] for report in reports}), 1)
        self.assertEqual(len({report["program_digest"] for report in reports}), 1)

    def test_the_first_convolution_blows_up(self):
        for name in ("mobilenet-glenside", "mobilenet-glenside-divide"):
            text = script("workload.sh", "--print", name).stdout
            self.assertIn("--enodes 5M", text)
            command = text.replace("5M", "20k").split()
            done = run(*command, "--quiet", "--out", self.folder / "out")
            self.assertIn(done.returncode, (0, 1), done.stderr)
            report = json.loads((self.folder / "out" / "report.json").read_text(encoding="utf-8"))
            self.assertEqual(report["stop_reason"], "enodes")
            layer = report["layers"][0]
            self.assertEqual((layer["m"], layer["k"], layer["n"]), (112 * 112, 27, 32))

    def test_bad_names(self):
        done = run(BUILD / "bin" / "workload_writer", "no-such-thing", self.folder / "file")
        self.assertEqual(done.returncode, 2)
        self.assertIn("found 'no-such-thing', expected one of the workload programs", done.stderr)
        self.assertFalse((self.folder / "file").exists())


class Idle(unittest.TestCase):
    def test_every_layout(self):
        for ranks, threads in ((1, 1), (1, 2), (2, 1)):
            done = run(*([] if ranks == 1 else [MPIEXEC, "-np", ranks]), BUILD / "bin" / "idle_superstep",
                       "--threads", threads, "--batches", 1)
            self.assertEqual(done.returncode, 0, done.stderr)
            said = json.loads(done.stdout)
            self.assertEqual((said["ranks"], said["threads"]), (ranks, threads))
            self.assertGreater(said["iteration_us"], 0)
            self.assertEqual(said["exchanges"] > 0, ranks > 1)

    def test_dense_and_sparse_exchanges(self):
        done = run(MPIEXEC, "-np", 4, BUILD / "bin" / "exchange_ways", "16")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(line["ranks"], line["peers"], line["bytes"]) for line in said],
                         [(4, 0, 16), (4, 1, 16), (4, 3, 16)])
        self.assertTrue(all(line["dense_us"] > 0 and line["sparse_us"] > 0 for line in said))
        for wrong in ("-1", "4k", "100000000"):
            done = run(BUILD / "bin" / "exchange_ways", wrong)
            self.assertEqual(done.returncode, 2)
            self.assertIn("usage", done.stderr)

    def test_bad_options(self):
        for arguments in (("--threads", "0"), ("--threads", "x"), ("--batches", "1000"), ("--size", "1"), ("7",)):
            done = run(BUILD / "bin" / "idle_superstep", *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertTrue(re.search("usage", done.stderr))


if __name__ == "__main__":
    unittest.main()
