#!/usr/bin/env python3
"""What becomes of a run of several ranks when one of them is lost: the others end soon, one message says which rank,
where the run was and how it goes on, nothing is left behind, and what is resumed has the uninterrupted run's result."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from program_support import BAD_INPUT, DONE, FAILURE, MPIEXEC, PROGRAM, ProgramTest, main  # noqa: E402

SEARCH = ["saturate", "math", "--iterations", "9", "--report", "report.json"]
# Far longer than any test waits.
ENDLESS = ["saturate", "math", "--iterations", "100000", "--match-limit", "20"]
KEPT = ["--snapshot", "kept", "--every-iterations", "1"]
KILLED = 128 + signal.SIGKILL
ENDS_WITHIN_S = 30
START = pathlib.Path(__file__).resolve().parents[2] / "cluster" / "launch" / "start-or-resume.sh"
LOOP = START.parent / "requeue-loop.sh"


class FailureTest(ProgramTest):
    def ranks_here(self):
        """Ids of this test's ranks, and the number of each."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "cwd") == str(self.folder.resolve()) and \
                        os.readlink(entry / "exe") == os.path.realpath(PROGRAM):
                    environment = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
                    rank = [v.partition("=")[2] for v in environment if v.startswith("OMPI_COMM_WORLD_RANK=")]
                    found[int(rank[0]) if rank else 0] = int(entry.name)
            except OSError:
                pass
        return found

    def launch(self, *arguments, ranks=3, environment=None, command=None):
        command = command or [MPIEXEC, "-np", str(ranks), os.path.abspath(PROGRAM), *arguments]
        self.log = open(self.folder / "log", "w+", encoding="utf-8")
        self.addCleanup(self.log.close)
        process = subprocess.Popen(command, cwd=self.folder, stdout=self.log, stderr=self.log,
                                   stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        self.addCleanup(process.kill)
        return process

    def wait_for(self, condition, process):
        deadline = time.monotonic() + 60
        while not condition():
            self.assertIsNone(process.poll(), "the run has ended: " + self.text())
            self.assertLess(time.monotonic(), deadline, "nothing happens")
            time.sleep(0.02)

    def text(self):
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def messages(self):
        return [line for line in self.text().splitlines() if line.startswith("tessera: ")]

    def expect_end(self, process, *codes, within_s=ENDS_WITHIN_S):
        """It ends in time, leaves no rank and no shared memory, and has said one thing, which is returned."""
        self.assertIn(process.wait(timeout=within_s), codes, self.text())
        deadline = time.monotonic() + ENDS_WITHIN_S
        while self.ranks_here():
            self.assertLess(time.monotonic(), deadline, f"left behind: {self.ranks_here()}")
            time.sleep(0.05)
        self.assertEqual(len(self.messages()), 1, self.text())
        return self.messages()[0]

    def result(self):
        report = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        return report["digest"], report["stop_reason"], [
            (i["iteration"], i["enodes"], i["eclasses"], [(r["name"], r["matches"], r["unions"]) for r in i["rules"]])
            for i in report["iterations"]]

    def expected(self):
        self.expect_code(self.run_tessera(*SEARCH), DONE)
        result = self.result()
        (self.folder / "report.json").unlink()
        return result


class ALostRank(FailureTest):
    def test_is_named_with_phase_and_how_to_go_on(self):
        expected = self.expected()
        # A limit too low for copies beside the search: else three snapshots may be on their way when the rank is lost.
        outcome = self.run_tessera(*SEARCH, ranks=3)
        needed = max(int(mib) for mib in re.findall(r"memory (\d+) MiB", outcome.output + outcome.errors))
        limit = ["--memory-limit", f"{needed * 7 // 5}MiB"]
        for rank, point, phase in ((2, "rebuild:5:2", "rebuild"), (0, "match:6:0", "match"),
                                   (1, "snapshot-begun:3:1", "snapshot")):
            process = self.launch(*SEARCH, *KEPT, *limit, environment={"TESSERA_KILL_POINT": point})
            message = self.expect_end(process, KILLED, FAILURE)
            self.assertIn("does not fit into the memory limit", self.text())
            found = re.fullmatch(rf"tessera: lost rank {rank} of 3 \(\S+\) in iteration (\d+), phase {phase}: its "
                                 r"process ended; the last snapshot is of iteration (\d+); to go on: tessera resume "
                                 r"kept", message)
            self.assertIsNotNone(found, message)
            self.assertIn(int(found[1]) - int(found[2]), (1, 2))
            self.expect_code(self.run_tessera("resume", "kept", ranks=2), DONE)
            self.assertEqual(self.result(), expected)
            self.assertEqual([p.name for p in (self.folder / "kept").iterdir() if not p.name.endswith(".h5")], [])
            for path in (self.folder / "kept").iterdir():
                path.unlink()

    def test_without_snapshots_that_is_said(self):
        process = self.launch(*SEARCH, environment={"TESSERA_KILL_POINT": "merge:4:1"})
        self.assertRegex(self.expect_end(process, KILLED, FAILURE),
                         r"lost rank 1 of 3 .* in iteration \d+, phase \w+: its process ended; no snapshot was "
                         r"being kept")

    def test_at_any_moment(self):
        for rank in (0, 1, 2):
            process = self.launch(*ENDLESS, *KEPT)
            self.wait_for(lambda: len(list(self.folder.glob("kept/*.h5"))) > 1, process)
            os.kill(self.ranks_here()[rank], signal.SIGKILL)
            self.assertIn(f"lost rank {rank} of 3", self.expect_end(process, KILLED, FAILURE))
            for path in (self.folder / "kept").iterdir():
                path.unlink()

    def test_one_that_stands_still(self):
        process = self.launch(*ENDLESS, *KEPT, "--stall-limit", "2s")
        self.wait_for(lambda: len(list(self.folder.glob("kept/*.h5"))) > 1, process)
        os.kill(self.ranks_here()[1], signal.SIGSTOP)
        message = self.expect_end(process, KILLED, FAILURE, 1)
        self.assertRegex(message, r"lost rank 1 of 3 .*nothing was heard of it for 2 s .*tessera resume kept")

    def test_all_that_stand_still_go_on(self):
        process = self.launch(*ENDLESS, *KEPT, "--stall-limit", "2s")
        self.wait_for(lambda: len(list(self.folder.glob("kept/*.h5"))) > 1, process)
        ranks = self.ranks_here()  # as when a batch system suspends a job
        for rank in ranks.values():
            os.kill(rank, signal.SIGSTOP)
        time.sleep(6)
        for rank in ranks.values():
            os.kill(rank, signal.SIGCONT)
        (self.folder / "kept" / "STOP").touch()
        self.assertEqual(process.wait(timeout=60), 75, self.text())
        self.assertEqual(self.messages(), [])


class Leftovers(FailureTest):
    def test_unfinished_snapshots_are_removed_at_the_next_start(self):
        (self.folder / "kept").mkdir()
        for name in ("snapshot-000003.h5.tmp", "snapshot-000003.h5.tmp-123-45.lock"):
            (self.folder / "kept" / name).write_text("half", encoding="utf-8")
        self.expect_code(self.run_tessera(*SEARCH, *KEPT, ranks=2), DONE)
        self.assertEqual([p.name for p in (self.folder / "kept").iterdir() if not p.name.endswith(".h5")], [])


class Scripts(FailureTest):
    """cluster/launch."""

    def script(self, script, *arguments, environment=None):
        settings = {"KEEP": "kept", "EVERY": "1ms", "LAUNCHER": f"{MPIEXEC} -np 2", "PAUSE": "0",
                    "PROGRAM": os.path.abspath(PROGRAM)}
        return self.launch(command=[str(script), *arguments], environment={**settings, **(environment or {})})

    def test_a_loop_survives_what_ends_a_run(self):
        expected = self.expected()
        # Every attempt loses a rank some iterations further on; these are short, so each waits for its snapshot.
        process = self.script(LOOP, *SEARCH, "--every-iterations", "1",
                              environment={"TESSERA_KILL_POINT": "rebuild:9:1"})
        self.assertEqual(process.wait(timeout=120), DONE, self.text())
        self.assertEqual(self.result(), expected)
        self.assertGreaterEqual(self.text().count("lost rank 1 of 2"), 2)
        self.assertIn("worth another try", self.text())
        self.assertIn("resumed from", self.text())

    def test_a_failure_without_progress_is_final(self):
        process = self.launch(*SEARCH, *KEPT, environment={"TESSERA_KILL_POINT": "rebuild:9:1"})
        self.expect_end(process, KILLED, FAILURE)
        process = self.script(LOOP, *SEARCH, environment={"TESSERA_KILL_POINT": "match:1:1", "EVERY": "1h"})
        self.assertIn(process.wait(timeout=60), (KILLED, FAILURE), self.text())
        self.assertIn("resumed from", self.text())
        self.assertEqual(self.text().count("lost rank 1 of 2"), 1, self.text())

    def test_runs_that_are_too_short_to_get_anywhere_come_to_an_end(self):
        # Interrupted at once; the third run, and it alone, leaves a snapshot.
        program = self.folder / "interrupted"
        program.write_text("#!/bin/bash\necho run >>runs\nif [[ $(wc -l <runs) -eq 3 ]]; then "
                           "mkdir -p kept; echo >kept/snapshot-000001.h5; fi\nexit 75\n", encoding="utf-8")
        program.chmod(0o755)
        settings = {"PROGRAM": str(program), "LAUNCHER": ""}
        process = self.script(LOOP, "search", environment=settings)
        self.assertEqual(process.wait(timeout=60), FAILURE, self.text())
        self.assertEqual(len((self.folder / "runs").read_text(encoding="utf-8").splitlines()), 6, self.text())
        self.assertIn("3 runs in a row were interrupted before there was a snapshot newer than "
                      "kept/snapshot-000001.h5", self.text())
        self.assertEqual([p.name for p in (self.folder / "kept").iterdir()], ["snapshot-000001.h5"])
        process = self.script(LOOP, "search", environment={**settings, "IN_VAIN": "0", "ATTEMPTS": "5"})
        self.assertEqual(process.wait(timeout=60), 75, self.text())
        # Where nothing can be written, nothing gets on, and cannot be counted either.
        process = self.script(LOOP, "search", environment={**settings, "KEEP": "interrupted/kept"})
        self.assertEqual(process.wait(timeout=60), FAILURE, self.text())
        self.assertIn("nothing can be written in interrupted/kept", self.text())

    def test_signals_are_passed_on(self):
        process = self.script(START, *ENDLESS)
        self.wait_for(lambda: len(list(self.folder.glob("kept/*.h5"))) > 1, process)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=60), 75, self.text())
        self.assertIn("to go on: tessera resume kept", self.text())

    def test_mistakes(self):
        self.assertEqual(self.script(START).wait(timeout=60), BAD_INPUT)
        self.assertIn("found no command", self.text())
        self.assertEqual(self.script(START, "search", environment={"PROGRAM": "gone"}).wait(timeout=60), BAD_INPUT)
        self.assertIn("found no program 'gone'", self.text())
        self.assertEqual(self.script(START, "search", environment={"IN_VAIN": "few"}).wait(timeout=60), BAD_INPUT)
        self.assertIn("found IN_VAIN=few", self.text())
        self.assertEqual(self.script(LOOP, "search", "--bogus").wait(timeout=60), BAD_INPUT)


if __name__ == "__main__":
    main()
