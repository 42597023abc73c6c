#!/usr/bin/env python3
"""Long searches: snapshots are taken, read by other programs, resumed on other numbers of ranks with the same result,
refused when they are damaged or of another search; and a search does what signals and control files ask of it."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

from program_support import (BAD_INPUT, DONE, HANGS_AFTER_S, MPIEXEC, PROGRAM, SMALL_MODEL, Outcome, ProgramTest, main)

REQUEUE = 75
MATH = ["saturate", "math", "--iterations", "8", "--report", "report.json"]
# A search that would take far longer than any test.
ENDLESS = ["saturate", "math", "--iterations", "12", "--snapshot", "kept", "--every", "1h"]
H5PY_READER = """
import h5py, json, sys
with h5py.File(sys.argv[1], "r") as file:
    header = json.loads(file["header"][()])
    symbols = [json.loads(line) for line in file["symbols"][()].decode().splitlines()]
    rows = file["rows"]
    arity = [symbols[s]["arity"] for s in rows["symbol"]]
    assert sum(arity) == len(rows["child"])
    widths = {name: rows[name].dtype for name in rows}
    assert widths == {"symbol": "u1", "class": "u2", "stamp": "u1", "child": "u2"}, widths
    assert max(rows["class"]) < len(file["classes/name"]) and max(rows["child"]) < len(file["classes/name"])
    assert sorted(set(rows["class"])) == list(range(len(file["classes/name"]))), "an e-class without e-nodes"
    assert max(rows["stamp"]) <= header["iteration"] == file.attrs["iteration"]
    print(json.dumps({"enodes": len(rows["symbol"]), "eclasses": len(file["classes/name"]),
                      "iteration": header["iteration"], "operators": sorted({s["operator"] for s in symbols})}))
"""


EGGLOG = """
(datatype Math (Num i64) (Var String) (Add Math Math) (Mul Math Math))
(rewrite (Add a b) (Add b a))
(rewrite (Add (Add a b) c) (Add a (Add b c)))
(let sum (Add (Add (Add (Add (Var "a") (Var "b")) (Var "c")) (Var "d")) (Num 2)))
(run 2)
(print-size Add)
(rewrite (Mul a b) (Mul b a))
(rewrite (Mul a (Add b c)) (Add (Mul a b) (Mul a c)))
(let product (Mul sum (Var "z")))
(run 3)
(check (= product (Mul (Var "z") sum)))
(print-size)
(let other (Mul sum (Var "y")))
(run 40)
(extract other)
"""


class SnapshotTest(ProgramTest):
    def counts(self, name="report.json"):
        report = json.loads((self.folder / name).read_text(encoding="utf-8"))
        return report["digest"], report["stop_reason"], [
            (i["iteration"], i["enodes"], i["eclasses"], [(r["name"], r["matches"], r["unions"]) for r in i["rules"]])
            for i in report["iterations"]]

    def done(self, *arguments, ranks=None, code=DONE):
        outcome = self.run_tessera(*arguments, ranks=ranks)
        self.expect_code(outcome, code)
        return outcome

    def kept(self, folder="kept"):
        return sorted(path.name for path in (self.folder / folder).iterdir())

    def snapshot(self, iteration, folder="kept"):
        return self.folder / folder / f"snapshot-{iteration:06}.h5"

    def math(self, *more, ranks=None):
        return self.done(*MATH, "--snapshot", "kept", "--every-iterations", "2", *more, ranks=ranks)

    def damage(self, path, at=-300):
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.write_bytes(data)


class Resume(SnapshotTest):
    def test_math_on_other_numbers_of_ranks(self):
        self.done(*MATH)
        expected = self.counts()
        for first, second in ((None, 3), (2, None), (3, 2)):
            (self.folder / "report.json").unlink()
            self.math("--keep", "9", ranks=first)
            self.assertEqual(self.counts(), expected)
            self.assertEqual(self.kept(), [f"snapshot-{i:06}.h5" for i in (0, 2, 4, 6, 8)])
            for iteration in (8, 6, 4, 2):
                self.snapshot(iteration).unlink()
            self.done("resume", "kept", "--threads", "2", "--shards", "4", ranks=second)
            self.assertEqual(self.counts(), expected)
            for path in (self.folder / "kept").iterdir():
                path.unlink()

    def test_model(self):
        report = self.search(SMALL_MODEL, out="plain")
        self.search(SMALL_MODEL, "--snapshot", "kept", "--every-iterations", "1", "--keep", "99", ranks=2)
        last = max(int(name[9:15]) for name in self.kept())
        self.assertGreater(last, 3)
        for iteration in (last, last // 2, 0):  # at its end, in the middle, at its start
            for name in self.kept():
                if int(name[9:15]) > iteration:
                    (self.folder / "kept" / name).unlink()
            self.done("resume", "kept", ranks=3)
            found = json.loads((self.folder / "out/report.json").read_text(encoding="utf-8"))
            self.assertEqual(found["digest"], report["digest"])
            self.assertEqual(found["program_digest"], report["program_digest"])
            self.assertEqual(found["totals"], report["totals"])
            self.assertEqual(self.counts("out/report.json"), self.counts("plain/report.json"))
            self.assertEqual(self.program_text("out"), self.program_text("plain"))
            self.assertTrue(found["saturated"])

    def test_an_iteration_that_changed_nothing_is_not_kept_beside_the_one_before(self):
        report = self.search(SMALL_MODEL, "--snapshot", "often", "--every-iterations", "1", ranks=2)
        self.assertTrue(report["saturated"])
        last = report["iterations"][-1]["iteration"]
        self.assertEqual(self.kept("often")[-1], f"snapshot-{last - 1:06}.h5")
        self.done("resume", "often")
        self.assertEqual(self.counts("out/report.json")[2][-1][0], last)
        self.assertEqual(self.kept("often")[-1], f"snapshot-{last - 1:06}.h5")
        # What was changed since the last snapshot is kept, of an iteration that itself changed nothing too.
        self.search(SMALL_MODEL, "--snapshot", "seldom", "--every-iterations", "1000")
        self.assertEqual(self.kept("seldom"), ["snapshot-000000.h5", f"snapshot-{last:06}.h5"])
        self.math()
        self.assertEqual(self.kept()[-1], "snapshot-000008.h5")

    def test_one_that_could_not_be_made_is_made_up_for_in_the_end(self):
        """Of the last iteration that changed anything; the one after it, which did not, ends the search."""
        last = self.search(SMALL_MODEL)["iterations"][-1]["iteration"]
        for ranks in (None, 2):
            folder = f"kept-{ranks or 1}"
            (self.snapshot(last - 1, folder).with_suffix(".h5.tmp") / "in the way").mkdir(parents=True)
            outcome = self.done("search", SMALL_MODEL, "--no-verify", "--snapshot", folder, "--every-iterations", "1",
                                ranks=ranks)
            self.assertEqual(outcome.errors.count("no snapshot was taken"), 1, outcome.errors)
            self.assertIn(f"no snapshot was taken of iteration {last - 1}: ", outcome.errors)
            self.assertEqual(self.kept(folder)[-1], f"snapshot-{last:06}.h5")
            self.done("resume", folder)

    def test_only_the_newest_are_kept(self):
        self.math("--keep", "2")
        self.assertEqual(self.kept(), ["snapshot-000006.h5", "snapshot-000008.h5"])

    def test_longer_than_before(self):
        self.done(*MATH[:3], "9", *MATH[4:])
        expected = self.counts()
        self.math()
        self.done("resume", "kept", "--iterations", "9", ranks=2)
        self.assertEqual(self.counts(), expected)

    def test_a_damaged_one_gives_way_to_the_one_before(self):
        self.math()
        expected = self.counts()
        for ranks in (None, 2):
            self.damage(self.snapshot(8))
            os.truncate(self.snapshot(6), 5000)
            outcome = self.done("resume", "kept", ranks=ranks)
            self.assertRegex(outcome.errors, r"snapshot-000008\.h5: dataset /rows/child is damaged.*one before")
            self.assertRegex(outcome.errors, r"snapshot-000006\.h5: the file is cut off.*one before")
            self.assertRegex(outcome.errors, r"resumed from kept/snapshot-000004\.h5")
            self.assertEqual(self.counts(), expected)
            self.assertEqual(self.kept()[-2:], ["snapshot-000006.h5", "snapshot-000008.h5"])

    def test_nothing_to_resume(self):
        self.expect_refused_alone_and_on_two_ranks(["resume", "nowhere"], "nowhere")
        (self.folder / "empty").mkdir()
        self.expect_refused_alone_and_on_two_ranks(["resume", "empty"], "empty", "found no snapshot")
        self.expect_refused(self.run_tessera("resume"), "no folder of snapshots given")
        self.write("foreign.h5", "nothing of the kind\n" * 1000)
        self.expect_refused_alone_and_on_two_ranks(["resume", "foreign.h5"], "foreign.h5", "of another kind")
        self.math()
        for iteration in (4, 6, 8):
            self.damage(self.snapshot(iteration))
        self.expect_refused_alone_and_on_two_ranks(["resume", "kept"], "found no snapshot that is whole in 'kept'")

    def test_another_search(self):
        self.write("own.rules", '(start (f a))\n(rewrite r (f ?x) (g ?x))\n(rewrite s (g ?x) (h ?x))\n')
        self.done("saturate", "own.rules", "--snapshot", "kept", "--iterations", "1")
        self.expect_refused(self.run_tessera("saturate", "own.rules", "--snapshot", "kept"), "snapshots of another")
        self.write("own.rules", '(start (f a))\n(rewrite r (f ?x) (g ?x))\n(rewrite t (g ?x) (k ?x))\n')
        self.expect_refused_alone_and_on_two_ranks(["resume", "kept"], "other rules", "--accept-changes")
        outcome = self.done("resume", "kept", "--accept-changes", "--iterations", "9")
        self.assertIn("stopped: saturated", outcome.output)
        self.assertIn("4 e-nodes", outcome.output)
        self.write("own.rules", '(start (f b))\n(rewrite r (f ?x) (g ?x))\n(rewrite t (g ?x) (k ?x))\n')
        self.expect_refused(self.run_tessera("resume", "kept"), "other (rules|input)")

    def test_bad_options(self):
        self.expect_refused(self.run_tessera("saturate", "math", "--every", "1min"), "expected --snapshot")
        self.expect_refused(self.run_tessera("saturate", "math", "--snapshot", "s", "--keep", "0"), "--keep")
        self.math()
        self.expect_refused(self.run_tessera("resume", "kept", "--seed", "3"), "kept", "--seed")
        self.write("blocked", "a file")
        self.expect_refused(self.run_tessera("saturate", "math", "--snapshot", "blocked"), "--snapshot", "blocked")


class Egglog(SnapshotTest):
    """A program of several runs goes on within the one that was under way."""

    def said(self, outcome):
        return [line for line in outcome.output.splitlines() if line.isdigit() or line.startswith(("Add", "(", "Mul"))]

    def run_it(self, *more, ranks=None):
        return self.done("saturate", "p.egg", "--report", "report.json", *more, ranks=ranks)

    def test_from_every_boundary(self):
        self.write("p.egg", EGGLOG)
        everything = self.said(self.run_it())
        expected = self.counts()
        self.assertGreater(len(everything), 3)
        self.assertEqual(expected[1], "saturated")
        self.run_it("--snapshot", "kept", "--every-iterations", "1", "--keep", "99", ranks=2)
        self.assertEqual(self.counts(), expected)
        files = self.kept()
        self.assertGreater(len(files), 8)
        for step, name in enumerate(reversed(files)):
            for path in (self.folder / "kept").iterdir():
                if path.name > name:
                    path.unlink()
            outcome = self.done("resume", "kept", "--keep", "99", ranks=(None, 2, 3)[step % 3])
            self.assertEqual(self.counts(), expected, name)
            said = self.said(outcome)
            self.assertEqual(said, everything[len(everything) - len(said):], name)
        self.assertEqual(said, everything, "from the beginning, all is said")

    def test_killed(self):
        self.write("p.egg", EGGLOG)
        self.run_it()
        expected = self.counts()
        for count in (3, 5, 7):  # from the third boundary on, the first snapshot is on disk
            environment = dict(os.environ, TESSERA_KILL_POINT=f"iteration:{count}")
            killed = subprocess.run([os.path.abspath(PROGRAM), "saturate", "p.egg", "--report", "report.json",
                                     "--snapshot", f"kept{count}", "--every-iterations", "1"], cwd=self.folder,
                                    env=environment, capture_output=True, check=False, timeout=HANGS_AFTER_S)
            self.assertEqual(killed.returncode, -signal.SIGKILL)
            self.done("resume", f"kept{count}", ranks=2)
            self.assertEqual(self.counts(), expected)

    def test_nothing_in_it_yet(self):
        self.write("p.egg", "(datatype M (A))\n(run 1)\n(let a (A))\n(run 1)\n(print-size A)\n")
        first = self.run_it("--snapshot", "kept", "--every-iterations", "1", "--keep", "9")
        for name in self.kept()[1:]:
            (self.folder / "kept" / name).unlink()
        self.assertEqual(self.said(self.done("resume", "kept", ranks=2)), self.said(first))

    def test_another_program(self):
        self.write("p.egg", EGGLOG)
        self.run_it("--snapshot", "kept")
        self.write("p.egg", EGGLOG.replace("(run 3)", "(run 4)"))
        self.expect_refused_alone_and_on_two_ranks(["resume", "kept"], "other input", "--accept-changes")
        self.write("p.egg", EGGLOG.replace("(Mul b a)", "(Mul a a)"))
        self.expect_refused_alone_and_on_two_ranks(["resume", "kept"], "other rules")


class Look(SnapshotTest):
    def test_inspect_and_verify(self):
        self.math(ranks=2)
        outcome = self.done("snapshot", "inspect", self.snapshot(8))
        for text in ("iteration    8", "e-nodes      8,113", "saturate math", "commute-add"):
            self.assertIn(text, outcome.output)
        self.assertIn("whole", self.done("snapshot", "verify", self.snapshot(8)).output)
        self.damage(self.snapshot(8), at=100)
        self.expect_refused(self.run_tessera("snapshot", "verify", self.snapshot(8)), "snapshot-000008.h5", "seal")
        self.expect_refused(self.run_tessera("snapshot", "verify", "gone.h5"), "gone.h5")
        self.expect_refused(self.run_tessera("snapshot", "burn", self.snapshot(8)), "inspect, verify, diff or export")

    def test_diff(self):
        self.math("--keep", "9")
        self.done(*MATH, "--snapshot", "other", "--every-iterations", "4", ranks=3)
        same = self.done("snapshot", "diff", self.snapshot(8), self.snapshot(8, "other"))
        self.assertIn("no difference", same.output)
        outcome = self.done("snapshot", "diff", self.snapshot(4), self.snapshot(8, "other"), code=1)
        for pattern in ("different: iteration, e-classes, e-nodes", r"e-nodes +375 +14 +7,738",
                        r"Mul +143 +2 +3,373", r"commute-add +69 +1,358 +\+1,289", "known by its name"):
            self.assertRegex(outcome.output, pattern)
        by_term = self.done("snapshot", "diff", "--by", "term", self.snapshot(4), self.snapshot(8), code=1)
        self.assertIn("known by its lowest term", by_term.output)
        self.damage(self.snapshot(4))
        self.expect_refused(self.run_tessera("snapshot", "diff", self.snapshot(8), self.snapshot(4)),
                            r"snapshot-000004\.h5: dataset /rows/child is damaged")
        self.expect_refused(self.run_tessera("snapshot", "diff", self.snapshot(8)), "expected two snapshots")

    def test_export_and_import(self):
        self.math(ranks=2)
        digest = self.counts()[0]
        self.assertIn(digest, self.done("snapshot", "inspect", self.snapshot(8)).output)
        self.done("snapshot", "export", self.snapshot(8), "-o", "e.json")
        text = (self.folder / "e.json").read_text(encoding="utf-8")
        self.assertEqual(self.done("snapshot", "export", "--format=json", self.snapshot(8)).output, text)
        graph = json.loads(text)
        self.assertEqual(len(graph["nodes"]), 8113)
        self.assertEqual(len({node["eclass"] for node in graph["nodes"].values()}), 3576)
        for node in graph["nodes"].values():
            self.assertEqual(sorted(node), ["children", "cost", "eclass", "op", "subsumed"])
            for child in node["children"]:
                self.assertIn(child, graph["nodes"])
        self.assertTrue(set(graph["root_eclasses"]) <= {node["eclass"] for node in graph["nodes"].values()})
        for ranks in (None, 3):
            outcome = self.done("saturate", "e.json", ranks=ranks)
            self.assertIn("saturated after 1 iterations; 8113 e-nodes, 3576 e-classes", outcome.output)
            self.assertIn(digest, outcome.output)
        # With rules it goes on as if it had never left; and it is kept and resumed like any other search.
        self.done("saturate", "math", "--iterations", "9", "--report", "nine.json")
        self.done("saturate", "e.json", "--rules", "math", "--iterations", "1", "--report", "r.json", "--snapshot", "k")
        self.assertEqual(self.counts("r.json")[0], self.counts("nine.json")[0])
        self.done("saturate", "math", "--iterations", "10", "--report", "ten.json")
        self.done("resume", "k", "--iterations", "2", ranks=2)
        self.assertEqual(self.counts("r.json")[0], self.counts("ten.json")[0])
        self.write("e.json", text.replace('"op": "Mul"', '"op": "Add"', 1))
        self.expect_refused(self.run_tessera("resume", "k"), "other input")

    def test_a_network_is_exported_with_its_types(self):
        report = self.search(SMALL_MODEL, "--no-verify", "--snapshot", "kept")
        self.done("snapshot", "export", self.folder / "kept" / self.kept()[-1], "-o", "e.json")
        graph = json.loads((self.folder / "e.json").read_text(encoding="utf-8"))
        self.assertEqual(len(graph["nodes"]), report["iterations"][-1]["enodes"])
        self.assertEqual(len(graph["class_data"]), report["iterations"][-1]["eclasses"])
        self.assertEqual({op for op in graph["tessera_symbols"] if op.startswith("systolic-array ")},
                         {"systolic-array 64 64"})
        self.assertIn(report["digest"], self.done("saturate", "e.json").output)

    def test_what_is_no_egraph(self):
        self.write("bad.json", '{"nodes": {"a": {"op": "f", "eclass": "0", "children": ["b"]}}}')
        self.expect_refused_alone_and_on_two_ranks(["saturate", "bad.json"], "bad.json: /nodes/a/children/0: found 'b'")
        self.write("bad.json", '{"nodes": {\n"a" 1}}')
        self.expect_refused_alone_and_on_two_ranks(["saturate", "bad.json"], r"bad\.json:2:5: ")
        self.expect_refused(self.run_tessera("saturate", "gone.json"), "gone.json: cannot be read")
        for other in ("math", "program.egg"):
            self.expect_refused(self.run_tessera("saturate", other, "--rules", "math"), other, "expected an e-graph")
        self.expect_refused(self.run_tessera("snapshot", "export", "bad.json"), "bad.json: found a file of another")

    @unittest.skipUnless(pathlib.Path("/usr/bin/python3").exists() and
                         subprocess.run(["/usr/bin/python3", "-c", "import h5py"], stderr=subprocess.DEVNULL,
                                        check=False).returncode == 0, "python3-h5py is not there")
    def test_h5py_reads_it(self):
        self.math(ranks=3)
        read = subprocess.run(["/usr/bin/python3", "-c", H5PY_READER, self.snapshot(8)], capture_output=True, text=True,
                              check=False)
        self.assertEqual(read.returncode, 0, read.stderr)
        found = json.loads(read.stdout)
        self.assertEqual((found["enodes"], found["eclasses"], found["iteration"]), (8113, 3576, 8))
        self.assertIn("Add", found["operators"])


class Asked(SnapshotTest):
    """What users and batch systems ask of a search that runs."""

    def start(self, arguments, ranks=None, ready=None):
        own = [os.path.abspath(PROGRAM), *arguments]
        self.log = open(self.folder / "log", "w+", encoding="utf-8")
        self.addCleanup(self.log.close)
        process = subprocess.Popen(own if ranks is None else [MPIEXEC, "-np", str(ranks), *own], cwd=self.folder,
                                   stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        self.wait_for((lambda: ready(process)) if ready else self.snapshot(0).exists, process)
        return process

    def wait_for(self, condition, process):
        deadline = time.monotonic() + HANGS_AFTER_S
        while not condition():
            self.assertIsNone(process.poll(), "the search has ended")
            self.assertLess(time.monotonic(), deadline, "nothing happens")
            time.sleep(0.01)

    def expect_stopped(self, process):
        code = process.wait(timeout=HANGS_AFTER_S)
        self.log.seek(0)
        text = self.log.read()
        self.assertEqual(code, REQUEUE, text)
        self.assertIn("tessera resume kept", text)
        self.assertTrue([name for name in self.kept() if name > "snapshot-000000.h5"], self.kept())
        self.done("snapshot", "verify", self.folder / "kept" / self.kept()[-1])

    def test_signals_stop_it(self):
        for which in (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT):
            process = self.start(ENDLESS)
            time.sleep(0.3)
            process.send_signal(which)
            self.expect_stopped(process)
            for path in (self.folder / "kept").iterdir():
                path.unlink()

    def test_a_signal_counts_while_the_program_still_starts(self):
        def catches_it(process):
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
            return caught >> (signal.SIGUSR2 - 1) & 1

        process = self.start(ENDLESS, ready=catches_it)
        process.send_signal(signal.SIGUSR2)
        self.assertEqual(process.wait(timeout=HANGS_AFTER_S), REQUEUE)
        self.assertIn("snapshot-000000.h5", self.kept())

    def test_a_signal_to_mpirun_stops_all_ranks(self):
        process = self.start(ENDLESS, ranks=2)
        time.sleep(0.3)
        process.send_signal(signal.SIGUSR2)
        self.expect_stopped(process)

    def test_a_signal_takes_a_snapshot(self):
        process = self.start(ENDLESS)
        process.send_signal(signal.SIGUSR1)
        self.wait_for(lambda: len(self.kept()) > 1, process)
        process.send_signal(signal.SIGTERM)
        self.expect_stopped(process)

    def test_interrupted_twice_it_ends_at_once(self):
        process = self.start(ENDLESS)
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        self.assertIn(process.wait(timeout=HANGS_AFTER_S), (-signal.SIGINT, REQUEUE))

    def test_files_do_the_same(self):
        process = self.start(ENDLESS, ranks=2)
        (self.folder / "kept/REPORT").touch()
        self.wait_for(lambda: (self.folder / "kept/report.json").exists(), process)
        self.assertEqual(json.loads((self.folder / "kept/report.json").read_text())["stop_reason"], "running")
        (self.folder / "kept/SNAPSHOT").touch()
        self.wait_for(lambda: len([n for n in self.kept() if n.endswith(".h5")]) > 1, process)
        (self.folder / "kept/STOP").touch()
        code = process.wait(timeout=HANGS_AFTER_S)
        self.assertEqual(code, REQUEUE)
        self.assertFalse((self.folder / "kept/STOP").exists())

    def test_time_limit_leaves_a_snapshot(self):
        outcome = self.done("saturate", "math", "--time-limit", "700ms", "--snapshot", "kept", "--every", "1h")
        self.assertIn("stopped: time", outcome.output)
        # Whether the limit strikes within an iteration is the machine's affair; what is kept is said truly.
        last = int(self.kept()[-1][9:15])
        if "was stopped within" in outcome.errors:
            self.assertIn(f"the last one is of iteration {last}", outcome.errors)
        else:
            self.assertIn(f"stopped: time after {last} iterations", outcome.output)

    def test_a_copy_that_does_not_fit_is_written_at_once(self):
        self.done(*MATH[:3], "10", *MATH[4:])
        expected = self.counts()
        limited = [*MATH[:3], "10", *MATH[4:], "--threads", "1", "--snapshot", "kept", "--every-iterations", "1",
                   "--memory-limit"]
        outcome = self.done(*limited, "8GiB")
        self.assertNotIn("does not fit", outcome.errors)
        self.assertEqual(self.kept()[-1], "snapshot-000010.h5")
        for path in (self.folder / "kept").iterdir():
            path.unlink()
        # More than the search needs, sanitizers included, and less than an e-graph twice as large would.
        needed = max(int(mib) for mib in re.findall(r"memory (\d+) MiB", outcome.output + outcome.errors))
        outcome = self.done(*limited, f"{needed * 7 // 5}MiB")
        self.assertEqual(outcome.errors.count("does not fit into the memory limit"), 1, outcome.errors)
        self.assertEqual(self.counts(), expected)
        self.assertEqual(self.kept()[-1], "snapshot-000010.h5")

    def test_a_full_disk_is_a_warning(self):
        limited = ["bash", "-c", 'trap "" XFSZ; ulimit -f 110; exec "$0" "$@"', os.path.abspath(PROGRAM), *MATH,
                   "--snapshot", "kept", "--every-iterations", "1", "--keep", "9"]
        run = subprocess.run(limited, cwd=self.folder, capture_output=True, text=True, check=False,
                             timeout=HANGS_AFTER_S)
        outcome = Outcome(limited, run.returncode, run.stdout, run.stderr)
        self.expect_code(outcome, DONE)
        self.assertRegex(outcome.errors, "warning: no snapshot was taken of iteration 8: .*the last snapshot is of")
        self.assertIn("stopped: iterations after 8", outcome.output)
        self.assertEqual([name for name in self.kept() if ".tmp" in name], [])
        self.done("resume", "kept")


if __name__ == "__main__":
    main()
