"""How measured processes are run: transparent huge pages off (first-touch cost of huge pages can double a run and jumps
from run to run), nothing on standard input, and the calibration program that makes times travel between machines."""

import ctypes
import os
import pathlib
import re
import subprocess

PR_SET_THP_DISABLE = 41
HANGS_AFTER_S = 3600


class Failed(Exception):
    """A process that did not do what it is measured for."""


def _without_huge_pages():
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)  # children inherit it, over exec too


def huge_pages_state():
    """What a measured process finds: 'off', 'on', or 'unknown'."""
    command = ["cat", "/proc/self/status"]
    status = subprocess.run(command, preexec_fn=_without_huge_pages, capture_output=True, text=True, check=False).stdout
    found = re.search(r"^THP_enabled:\s*(\d)", status, re.MULTILINE)
    return {"0": "off", "1": "on"}[found.group(1)] if found else "unknown"


def run(command, good_codes=(0,), folder=None):
    """Runs a measured process and returns its standard output; raises Failed with what it said otherwise."""
    try:
        process = subprocess.run([str(part) for part in command], preexec_fn=_without_huge_pages, cwd=folder,
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANGS_AFTER_S,
                                 check=False)
    except subprocess.TimeoutExpired as timeout:
        raise Failed(f"{command[0]}: not done after {timeout.timeout:.0f} s") from None
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from None
    if process.returncode not in good_codes:
        said = (process.stderr.strip() or process.stdout.strip())[-500:]
        raise Failed(f"{' '.join(map(str, command))}: exit code {process.returncode}: {said}")
    return process.stdout


class Calibration:
    """One `cal`: the seconds that the calibration program tells for this machine at this moment."""

    def __init__(self, source, build):
        self.source = pathlib.Path(source)
        self.program = pathlib.Path(build) / "calibrate"

    def available(self):
        return self.source.is_file()

    def build(self):
        self.program.parent.mkdir(parents=True, exist_ok=True)
        run([os.environ.get("CXX", "g++"), "-O2", "-std=c++20", self.source.resolve(), "-o", self.program])

    def seconds(self):
        said = run([self.program])
        found = re.match(r"([0-9.]+) s", said)
        if not found or float(found.group(1)) <= 0:
            raise Failed(f"{self.program}: found '{said.strip()}', expected seconds")
        return float(found.group(1))
