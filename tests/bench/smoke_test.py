#!/usr/bin/env python3
"""A benchmark program runs: every benchmark of small arguments, for as short as can be; none may end with an error.

    smoke_test.py PROGRAM
"""

import json
import subprocess
import sys

# What takes long is told by the arguments' names: five digits of size, more than nine iterations, whole networks, and
# four ranks that share the machine.
LARGE = r"size:[0-9]{5,}|iterations:1[0-9]|full:1|ranks:4"


def main(program):
    done = subprocess.run([program, "--benchmark_format=json", "--benchmark_min_time=0.001",
                           f"--benchmark_filter=-({LARGE})"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"{program}: exit code {done.returncode}\n{done.stderr[-2000:]}")
        return 1
    benchmarks = json.loads(done.stdout)["benchmarks"]
    failed = [entry for entry in benchmarks if entry.get("error_occurred")]
    for entry in failed:
        print(f"{entry['name']}: {entry['error_message']}")
    timeless = [entry["name"] for entry in benchmarks if not entry.get("error_occurred") and not entry["real_time"] > 0]
    for name in timeless:
        print(f"{name}: no time")
    print(f"{len(benchmarks)} benchmarks, {len(failed) + len(timeless)} failed")
    return 1 if failed or timeless or not benchmarks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
