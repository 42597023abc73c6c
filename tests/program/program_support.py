"""What the tests of this folder share: the built program, started alone or under mpirun as a user would start it.

Each *_test.py is a program of its own, on Python's standard library alone. CTest names the program, mpirun and the
folder of shared models in the environment (tests/CMakeLists.txt); by hand:

    TESSERA_PROGRAM=build/release/bin/tessera TESSERA_MPIEXEC=mpirun python3 tests/program/report_test.py
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.environ.get("TESSERA_PROGRAM", "build/release/bin/tessera")
MPIEXEC = os.environ.get("TESSERA_MPIEXEC", "mpirun")
SHARED = pathlib.Path(os.environ.get("TESSERA_SHARED_DIR", "../shared"))
RELAY_MODEL = SHARED / "models" / "mobilenet-v1.relay"

# MobileNet v1 in small: a quarter of the channels, an image of 32x32 pixels; as many layers of every kind.
SMALL_MODEL = "mobilenet-v1:0.25:32"

HANGS_AFTER_S = 300  # far above what any run here needs, sanitizers and a busy machine included

DONE, INCOMPLETE, BAD_INPUT, FAILURE = 0, 1, 2, 3
SKIPPED = 77


class Outcome:
    """How a run ended: exit code and what it said."""

    def __init__(self, command, code, output, errors):
        self.command = " ".join(str(part) for part in command)
        self.code = code
        self.output = output
        self.errors = errors

    @property
    def messages(self):
        """The lines that say why the program ended early."""
        return [line for line in self.errors.splitlines() if line.startswith("tessera")]

    def __str__(self):
        return (f"{self.command}\nexit code {self.code}\n--- standard output\n{self.output[-3000:]}\n"
                f"--- standard error\n{self.errors[-3000:]}")


def tessera(*arguments, ranks=None, folder=None):
    """Runs the program; ranks=None: without mpirun. Fails the test if it hangs."""
    command = [os.path.abspath(PROGRAM), *map(str, arguments)]
    if ranks is not None:
        command = [MPIEXEC, "-np", str(ranks), *command]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        # Files, not pipes: a rank that is left behind could hold a pipe open.
        process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=folder)
        try:
            code = process.wait(timeout=HANGS_AFTER_S)
        except subprocess.TimeoutExpired:
            process.terminate()  # mpirun ends its ranks
            process.wait()
            code = "hangs"
        out.seek(0)
        err.seek(0)
        return Outcome(command, code, out.read(), err.read())


class ProgramTest(unittest.TestCase):
    """A test with a folder of its own, in which the program runs."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="tessera-test-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def run_tessera(self, *arguments, ranks=None):
        return tessera(*arguments, ranks=ranks, folder=self.folder)

    def expect_code(self, outcome, code):
        self.assertEqual(outcome.code, code, str(outcome))

    def expect_refused(self, outcome, *patterns):
        """Exit code 2, with one message that has all the patterns."""
        self.expect_code(outcome, BAD_INPUT)
        self.assertEqual(len(outcome.messages), 1, str(outcome))
        for pattern in patterns:
            self.assertRegex(outcome.messages[0], pattern, str(outcome))

    def expect_refused_alone_and_on_two_ranks(self, arguments, *patterns):
        self.expect_refused(self.run_tessera(*arguments), *patterns)
        self.expect_refused(self.run_tessera(*arguments, ranks=2), *patterns)

    def search(self, *arguments, ranks=None, code=DONE, out="out"):
        """Runs a search; returns its report, and leaves the outcome in self.outcome."""
        self.outcome = self.run_tessera("search", *arguments, "--out", out, ranks=ranks)
        self.expect_code(self.outcome, code)
        for name in ("program.glenside", "report.json", "run.log"):
            self.assertGreater((self.folder / out / name).stat().st_size, 0, name)
        self.assertEqual([], [path.name for path in (self.folder / out).iterdir() if ".tmp" in path.name])
        return json.loads((self.folder / out / "report.json").read_text(encoding="utf-8"))

    def program_text(self, out="out"):
        return (self.folder / out / "program.glenside").read_bytes()

    def expect_all_on_arrays(self, report):
        """Every layer tensorized, at its closed form."""
        self.assertEqual(report["totals"]["tensorized"], report["totals"]["layers"])
        for layer in report["layers"]:
            self.assertTrue(layer["tensorized"], layer)
            self.assertEqual(layer["calls"], layer["calls_bound"], layer)
            self.assertEqual(layer["cycles"], layer["cycles_bound"], layer)


# A place in a text: file:line:column.
def place(file, line, column):
    return re.escape(f"{file}:{line}:{column}:")


def needs_relay_model(test):
    return unittest.skipUnless(RELAY_MODEL.is_file(), f"{RELAY_MODEL} is not there")(test)


def main():
    """unittest's main, but a program of which every test was skipped says so to CTest."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    if result.testsRun == 0 or not result.wasSuccessful():
        sys.exit(1)
    if len(result.skipped) == result.testsRun:
        print("SKIPPED:", *sorted({reason for _, reason in result.skipped}))
        sys.exit(SKIPPED)
