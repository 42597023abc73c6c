"""What the tests of the benchmark harness share: where things are, and running a script as a user would."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
sys.path.insert(0, str(BENCH / "harness"))

HANGS_AFTER_S = 120


def script(name, *arguments, **environment):
    """Runs bench/NAME; returns the finished process, its output as text."""
    return subprocess.run([str(BENCH / name), *map(str, arguments)], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=HANGS_AFTER_S, env=dict(os.environ, **environment))
