#!/usr/bin/env python3
"""Kills searches and resumes them, over and over: each trial starts a search that keeps snapshots, kills it (at a named
kill point, or at a random moment; one rank, or all), resumes it on another number of ranks and threads, maybe kills
that too, and at the end demands the uninterrupted run's digest, counts and program, byte for byte.

    crash_trials.py [--trials N] [--seed N]      TESSERA_PROGRAM, TESSERA_MPIEXEC: as for tests/program
"""

import argparse
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "program"))
from program_support import HANGS_AFTER_S, MPIEXEC, PROGRAM, SMALL_MODEL  # noqa: E402

POINTS = ["match", "apply", "merge", "rebuild", "analyze", "iteration", "extract",
          "snapshot-created", "snapshot-begun",  # the rest are beside the search
          "snapshot-column", "snapshot-written", "snapshot-flush", "snapshot-flushed", "snapshot-agreed",
          "snapshot-sealed",
          "snapshot-rename", "snapshot-renamed", "snapshot-done"]
BAD_INPUT = 2
RANKS = [1, 2, 3, 4]
THREADS = [1, 2]
MPIRUN_S = 60  # for mpirun to start ranks, and to see that they have ended
MANY = 200  # trials: then every kill point must have struck


class Job:
    """A search of which the result is known: its first command, and what of its report must not change."""

    def __init__(self, name, arguments, program):
        self.name = name
        self.arguments = arguments
        self.program = program  # whether it leaves a program behind

    def result(self, folder):
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        iterations = [(i["iteration"], i["enodes"], i["eclasses"],
                       [(r["name"], r["matches"], r["unions"]) for r in i["rules"]]) for i in report["iterations"]]
        text = (folder / "program.glenside").read_bytes() if self.program else b""
        return report["digest"], report["stop_reason"], iterations, text


JOBS = [
    Job("model", ["search", SMALL_MODEL, "--no-verify", "--out", "."], True),
    Job("math", ["saturate", "math", "--iterations", "9", "--report", "report.json"], False),
    Job("aside", ["saturate", "math", "--iterations", "14", "--match-limit", "60", "--report", "report.json"], False),
]


def command(arguments, ranks):
    own = [os.path.abspath(PROGRAM), *map(str, arguments)]
    return own if ranks == 1 else [MPIEXEC, "-np", str(ranks), *own]


def processes_of(folder):
    """Ids of ranks that run in the folder."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(folder) and \
                    os.path.basename(os.readlink(entry / "exe")) == os.path.basename(PROGRAM):
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def end_of(process, folder):
    """The exit code; or "hangs" when ranks do not end, "mpirun hangs" when they have ended and it does not."""
    begin = alive = time.monotonic()  # alive: when ranks were last seen
    while time.monotonic() < begin + HANGS_AFTER_S:
        try:
            return process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            if processes_of(folder):
                alive = time.monotonic()
            elif time.monotonic() > alive + MPIRUN_S:
                break
    # Open MPI's mpirun may wait for ever when ranks die while they connect to it; no rank may.
    code = "hangs" if processes_of(folder) else "mpirun hangs"
    process.kill()
    process.wait()
    return code


def run(arguments, ranks, folder, kill_point=None, kill_after=None, kill_all=False):
    """Exit code and messages of one run, killed on the way if so asked."""
    environment = dict(os.environ)
    if kill_point:
        environment["TESSERA_KILL_POINT"] = kill_point
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command(arguments, ranks), cwd=folder, stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL, env=environment)
        if kill_after is not None:
            started = time.monotonic()
            while not processes_of(folder) and process.poll() is None and time.monotonic() < started + MPIRUN_S:
                time.sleep(0.01)  # a busy machine takes its time to start ranks
            time.sleep(kill_after)
            victims = processes_of(folder)
            for victim in victims if kill_all else victims[:1]:
                try:
                    os.kill(victim, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        code = end_of(process, folder)
        log.seek(0)
        return code, log.read()


def fault(random_source, ranks):
    if random_source.random() < 0.6:
        point = f"{random_source.choice(POINTS)}:{random_source.randint(1, 12)}"
        if random_source.random() < 0.5:
            point += f":{random_source.randrange(ranks)}"
        return {"kill_point": point}
    return {"kill_after": random_source.uniform(0, 0.6), "kill_all": random_source.random() < 0.5}


def kind_of(faults):
    """What the count of kills goes under."""
    if "kill_point" in faults:
        return faults["kill_point"].split(":")[0]
    return "any moment, all ranks" if faults.get("kill_all") else "any moment, one rank"


def trial(number, seed, job, expected, folder):
    """One search until it ends, killed up to three times. Returns the faults that struck; throws when the result
    differs."""
    source = random.Random(seed)
    first = job.arguments + ["--snapshot", "snapshots", "--every-iterations", source.randint(1, 3), "--keep",
                             source.randint(1, 3)]
    struck = []
    history = []
    arguments = first
    ranks = threads = None
    for attempt in range(20):
        # Never on as many ranks or threads as before.
        ranks = source.choice([r for r in RANKS if r != ranks])
        threads = source.choice([t for t in THREADS if t != threads])
        faults = fault(source, ranks) if attempt < 3 else {}
        machine = ["--threads", threads, "--shards", source.choice([1, 4])]
        code, log = run([*arguments, *machine], ranks, folder, **faults)
        history.append(f"{' '.join(map(str, arguments))} on {ranks} ranks x {threads} threads, {faults}: {code}")
        if code == 0:
            break
        if code != BAD_INPUT and faults:
            struck.append(faults)
        if code == BAD_INPUT and not list(folder.glob("snapshots/*.h5")):
            arguments = first  # it was killed before there was any
            continue
        if code in (BAD_INPUT, "hangs") or "invariant" in log:
            raise AssertionError("\n".join([*history, log[-3000:]]))
        if not faults:
            raise AssertionError("it ended although nothing struck\n" + "\n".join([*history, log[-3000:]]))
        arguments = ["resume", "snapshots"]
    else:
        raise AssertionError("it does not end\n" + "\n".join(history))
    context = f"trial {number} ({job.name}, seed {seed})\n" + "\n".join(history)
    if job.result(folder) != expected:
        raise AssertionError("another result than the uninterrupted run: " + context)
    left = [p.name for p in (folder / "snapshots").iterdir() if not p.name.endswith(".h5")]
    if left:
        raise AssertionError(f"left behind: {left}: {context}")
    if processes_of(folder):
        raise AssertionError("processes left behind: " + context)
    return struck


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    expected = {}
    for job in JOBS:
        with tempfile.TemporaryDirectory(prefix="tessera-crash-") as name:
            folder = pathlib.Path(name).resolve()
            code, log = run(job.arguments, 1, folder)
            assert code == 0, log
            expected[job.name] = job.result(folder)
    kinds = collections.Counter()
    unharmed = 0
    for number in range(options.trials):
        job = JOBS[number % len(JOBS)]
        with tempfile.TemporaryDirectory(prefix="tessera-crash-") as name:
            struck = trial(number, options.seed * 1_000_003 + number, job, expected[job.name],
                           pathlib.Path(name).resolve())
        kinds.update(map(kind_of, struck))
        unharmed += not struck
        print(f"trial {number + 1} of {options.trials} passed, {kinds.total()} kills so far", flush=True)
    print(f"{options.trials} trials passed; {kinds.total()} runs were killed and resumed on other ranks and threads; "
          f"{unharmed} trials ended before their kill")
    for kind, count in sorted(kinds.items()):
        print(f"  {count:4} killed at {kind}")
    missed = [point for point in POINTS if kinds[point] == 0]
    if options.trials >= MANY and missed:
        print(f"no kill at {', '.join(missed)}")
        return 1
    return 0 if kinds else 1


if __name__ == "__main__":
    sys.exit(main())
