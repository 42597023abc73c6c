#!/usr/bin/env python3
"""Damages the newest of two snapshots, resumes, and demands that the program names the file and what of it is damaged,
takes the one before, and ends with the undamaged search's result. The damage: the file cut off at every 4 KiB; one bit
flipped in each of many random places; one bit in every byte of the seal and of HDF5's header behind it; files of
another kind, of no bytes, of other versions, and a folder.

    corruption_sweep.py [--flips N] [--header-step N] [--cut-step BYTES] [--seed N]     TESSERA_PROGRAM, TESSERA_MPIEXEC
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "program"))
from program_support import tessera  # noqa: E402

SEAL = 8192  # bytes
HDF5_HEADER = 1024  # bytes behind the seal: HDF5's superblock and the root group's header
LAST, BEFORE = 6, 4  # iterations with a snapshot; the search goes on until the last
MATH = ["saturate", "math", "--iterations", LAST, "--snapshot", "kept", "--every-iterations", LAST - BEFORE,
        "--keep", 2]
NEWEST = f"snapshot-{LAST:06}.h5"
OLDER = f"snapshot-{BEFORE:06}.h5"


class Sweep:
    def __init__(self, folder):
        self.folder = folder
        outcome = tessera(*MATH, folder=folder)
        assert outcome.code == 0, outcome
        self.result = self.result_of(outcome)
        self.good = (folder / "kept" / NEWEST).read_bytes()
        self.older = (folder / "kept" / OLDER).read_bytes()
        self.datasets = [(int(begin), int(begin) + int(size), name.decode()) for name, begin, size in
                         re.findall(rb"^dataset (\S+) (\d+) (\d+) ", self.good[:SEAL], re.MULTILINE)]
        assert len(self.datasets) == 11, self.datasets

    @staticmethod
    def result_of(outcome):
        counts = re.search(r"(\d+ e-nodes, \d+ e-classes).*(digest \w+)", outcome.output)
        assert counts, outcome
        return counts.groups()

    def place(self, at):
        """What a byte belongs to, as messages name it."""
        if at < SEAL:
            return "seal"
        for begin, end, name in self.datasets:
            if begin <= at < end:
                return f"dataset {name} is damaged"
        return "the HDF5 structure around the datasets is damaged"

    def faults(self, options):
        """(kind, description, bytes, what the message must match)."""
        random_source = random.Random(options.seed)
        size = len(self.good)
        for length in range(0, size, options.cut_step):
            kind = "empty file" if length == 0 else "cut off"
            yield "cut", f"cut at {length}", self.good[:length], kind
        yield "cut", "one byte less", self.good[:-1], "cut off"
        yield "cut", "one byte more", self.good + b"\n", "too long"
        for _ in range(options.flips):
            at = random_source.randrange(size)
            yield "random", *self.flip(at, random_source.randrange(8))
        for at in range(0, SEAL + HDF5_HEADER, options.header_step):
            yield "header", *self.flip(at, random_source.randrange(8))
        other = "found a file of another kind, expected a snapshot"
        yield "foreign", "text", b"nothing of the kind\n" * 1000, other
        yield "foreign", "zeros", bytes(size), other
        yield "foreign", "another program's HDF5 file", b"\x89HDF\r\n\x1a\n" + bytes(size), other
        yield "foreign", "a snapshot without its seal", self.good[SEAL:], other
        own = int(re.search(rb"^format (\d+)$", self.good[:SEAL], re.MULTILINE).group(1))
        for version in (own + 1, own - 1, 0, 17):
            yield ("version", f"format {version}", self.good.replace(b"format %d\n" % own, b"format %d\n" % version, 1),
                   f"found a snapshot of format {version}, expected format {own}")
        yield "foreign", "a folder", None, "found something that is not a file"

    def flip(self, at, bit):
        damaged = bytearray(self.good)
        damaged[at] ^= 1 << bit
        return f"bit {bit} of byte {at}", bytes(damaged), self.place(at)

    def check(self, worker, kind, description, damaged, expected, ranks):
        folder = self.folder / f"worker{worker}"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "kept").mkdir(parents=True)
        (folder / "kept" / OLDER).write_bytes(self.older)
        newest = folder / "kept" / NEWEST
        if damaged is None:
            newest.mkdir()
        else:
            newest.write_bytes(damaged)
        outcome = tessera("resume", "kept", folder=folder, ranks=ranks)
        where = f"{kind}: {description}, on {ranks or 1} ranks: "
        warning = re.search(rf"^warning: kept/{NEWEST}: (.*); trying the one before$", outcome.errors, re.MULTILINE)
        if outcome.code != 0 and damaged is not None:
            return f"{where}{outcome}"
        if not warning:
            return f"{where}the damage was not found\n{outcome}"
        if expected not in warning.group(1):
            return f"{where}expected a message with '{expected}', found: {warning.group(1)}"
        if f"resumed from kept/{OLDER}" not in outcome.errors:
            return f"{where}the one before was not taken\n{outcome}"
        if self.result_of(outcome) != self.result:
            return f"{where}another result: {outcome}"
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flips", type=int, default=2000, help="random places in which a bit is flipped")
    parser.add_argument("--header-step", type=int, default=1, help="of how many bytes of the headers one is damaged")
    parser.add_argument("--cut-step", type=int, default=4096, help="bytes between two cuts")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    passed = collections.Counter()
    failures = []
    with tempfile.TemporaryDirectory(prefix="tessera-corruption-") as name:
        sweep = Sweep(pathlib.Path(name).resolve())
        workers = 2
        faults = enumerate(sweep.faults(options))
        # One run in a hundred is on two ranks.
        lock = threading.Lock()

        def work(worker):
            found = []
            while True:
                with lock:
                    number, fault = next(faults, (None, None))
                    if number is not None and number % 1000 == 0:
                        print(f"{number} files so far", flush=True)
                if fault is None:
                    return found
                found.append((fault[0], sweep.check(worker, *fault, 2 if number % 100 == 7 else None)))

        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for future in [pool.submit(work, worker) for worker in range(workers)]:
                for kind, failure in future.result():
                    passed[kind] += failure is None
                    failures += [failure] if failure else []
        print(f"a snapshot of {len(sweep.good)} bytes")
    for kind, count in passed.items():
        print(f"  {count:5} {kind}: detected and named, the one before taken, the same result")
    for failure in failures[:20]:
        print(failure)
    print(f"{passed.total()} passed, {len(failures)} failed")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
