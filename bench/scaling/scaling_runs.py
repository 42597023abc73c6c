#!/usr/bin/python3
"""Strong and weak scaling over ranks x threads: runs, CSV and plots.

Strong: one input on every pairing of ranks and threads. Weak: an input that grows with ranks x threads
(weak_inputs.py). Repetitions are interleaved (every pairing once, then again), the first round is a warm-up and is
thrown away, so that a drift of the machine falls on all pairings alike; medians are compared. Traffic and balance come
from one more run of each number of ranks that records its work (--record-work), for these are counts, which timing does
not touch, and recording must not touch the times.

Written to --out: runs.csv (every timed run), summary.csv (medians, speed-up, efficiency, seconds by phase, traffic,
balance), iterations.csv (bytes by iteration), and, with matplotlib, the plots as PNG and SVG.
"""

import argparse
import csv
import json
import os
import pathlib
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

import weak_inputs
from work_record import groups_of, read_record

PHASES = ("match", "apply", "merge", "rebuild", "analyze")
COUNTED = ("visited", "requests", "rekeyed")  # the measures of balance: work of match, apply and rebuild
ROOT = pathlib.Path(__file__).resolve().parents[2]

# Workload: command line behind the program for strong scaling, and kind and size of input for weak scaling.
WORKLOADS = {
    "math": (["saturate", "math", "--iterations", "{iterations}"], "math", 11),
    "sums": (["saturate", "assoc10"], "sums", 0),
    "blocking": (["search", "mobilenet-v1", "--no-verify"], "dense", 0),
}


class RunFailed(Exception):
    """A run that did not end well: its command and its last words."""


def numbers(text):
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or min(values) < 1:
        raise argparse.ArgumentTypeError(f"found '{text}', expected numbers from 1, like 1,2,4")
    return sorted(set(values))


def command_line(arguments, mode, ranks, threads, folder):
    """The program's arguments for one pairing; writes the input of a weak run."""
    template, kind, iterations = WORKLOADS[arguments.workload]
    iterations = arguments.iterations or iterations
    words = [word.format(iterations=iterations) for word in template]
    if mode == "weak":
        suffix = "relay" if kind == "dense" else "rules"
        path = folder / f"{kind}-{ranks * threads}.{suffix}"
        if not path.exists():
            weak_inputs.main([kind, str(arguments.copies * ranks * threads), str(path)])
        words[1] = str(path)
    if words[0] == "search":
        words += ["--out", str(folder / "out")]
    return words + ["--threads", str(threads), "--quiet"] + arguments.extra


def launch(arguments, words, ranks, threads, folder):
    """Runs the program; returns its standard output and the seconds it took, launching included."""
    command = [os.path.abspath(arguments.program), *words]
    if ranks > 1 or arguments.launcher_always:
        command = shlex.split(arguments.launcher.format(ranks=ranks, threads=threads)) + command
    begin = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, stdin=subprocess.DEVNULL)
    seconds = time.monotonic() - begin
    if done.returncode not in (0, 1):
        raise RunFailed(f"{shlex.join(command)}\nexit code {done.returncode}\n"
                        f"{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout, seconds


def parse_output(words, output, folder):
    """Seconds of the search and of its phases, and what was found: of `search` from its report, else as printed."""
    if words[0] == "search":
        report = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
        phases = {phase["name"]: phase["seconds"] for phase in report["phases"]}
        last = report["iterations"][-1]
        seconds = sum(phases.get(name, 0.0) for name in PHASES)
        return {"seconds": seconds, "enodes": last["enodes"], "digest": report["digest"],
                **{name: phases.get(name, 0.0) for name in PHASES}}
    head = re.search(r"(\d+) e-nodes, \d+ e-classes; ([\d.]+) s; digest (\w+)", output)
    if not head:
        raise RunFailed(f"found no line of results in\n{output[-2000:]}")
    result = {"seconds": float(head[2]), "enodes": int(head[1]), "digest": head[3]}
    for name in PHASES:
        phase = re.search(rf"(?m)^  {name} +([\d.]+) s$", output)
        result[name] = float(phase[1]) if phase else 0.0
    return result


def time_all(arguments, mode, folder, log):
    """All timed runs of a mode: rows for runs.csv, warm-up round left out."""
    rows = []
    for repetition in range(arguments.repetitions + 1):
        for ranks in arguments.ranks:
            for threads in arguments.threads:
                words = command_line(arguments, mode, ranks, threads, folder)
                output, wall = launch(arguments, words, ranks, threads, folder)
                row = {"mode": mode, "workload": arguments.workload, "ranks": ranks, "threads": threads,
                       "repetition": repetition, "wall_seconds": round(wall, 4), **parse_output(words, output, folder)}
                log(f"{mode} {ranks} x {threads}: {row['seconds']:.3f} s, {row['enodes']:,} e-nodes"
                    f"{'' if repetition else ' (warm-up)'}")
                if repetition:
                    rows.append(row)
    return rows


def check_digests(rows):
    """Strong scaling does the same thing everywhere, or its times are worth nothing."""
    digests = {row["digest"] for row in rows if row["mode"] == "strong"}
    if len(digests) > 1:
        raise RunFailed(f"results differ between runs: digests {', '.join(sorted(digests))}")


def traffic_of(arguments, mode, ranks, threads, folder):
    """One recorded run: bytes, messages and balance, over the search's phases; and bytes by iteration."""
    path = folder / f"work-{mode}-{ranks}x{threads}.jsonl"
    words = command_line(arguments, mode, ranks, threads, folder) + ["--record-work", str(path)]
    launch(arguments, words, ranks, threads, folder)
    record = read_record(path, set(PHASES) | {""})
    groups = groups_of(record, None).values()
    result = {"bytes": sum(group.bytes for group in groups), "messages": sum(group.messages for group in groups),
              "exchanges": sum(group.steps for group in groups if group.key[3] == "alltoall"),
              "reductions": sum(group.steps for group in groups if group.key[3] == "reduce")}
    by_unit = {}
    by_iteration = {}
    for step in record.steps:
        by_iteration[step.iteration] = by_iteration.get(step.iteration, 0) + sum(step.sent)
        for unit in (*COUNTED, "enodes"):
            if unit in step.work:
                amounts = by_unit.setdefault(unit, [0] * ranks)
                by_unit[unit] = step.work[unit] if unit == "enodes" else [a + b for a, b in
                                                                          zip(amounts, step.work[unit])]
    for unit in (*COUNTED, "enodes"):
        amounts = by_unit.get(unit, [])
        result[f"balance_{unit}"] = round(max(amounts) * ranks / sum(amounts), 4) if sum(amounts) else ""
    rows = [{"mode": mode, "workload": arguments.workload, "ranks": ranks, "threads": threads, "iteration": iteration,
             "bytes": size} for iteration, size in sorted(by_iteration.items())]
    return result, rows


def summarize(rows, traffic):
    """Medians; speed-up over the fewest ranks and threads of the mode; efficiency of that many cores."""
    summary = []
    for mode in dict.fromkeys(row["mode"] for row in rows):
        of_mode = [row for row in rows if row["mode"] == mode]
        base = None
        for ranks, threads in dict.fromkeys((row["ranks"], row["threads"]) for row in of_mode):
            runs = [row for row in of_mode if (row["ranks"], row["threads"]) == (ranks, threads)]
            line = {"mode": mode, "workload": runs[0]["workload"], "ranks": ranks, "threads": threads,
                    "enodes": runs[0]["enodes"]}
            for name in ("seconds", *PHASES):
                line[name] = round(statistics.median(run[name] for run in runs), 6)
            line["spread"] = round(max(run["seconds"] for run in runs) / min(run["seconds"] for run in runs), 3)
            cores = ranks * threads
            base = base or (cores, line["seconds"], line["enodes"])
            # Weak: of e-nodes a second, for copies are nearly, not quite, as large as their number.
            rate = base[1] / line["seconds"]
            if mode == "weak":
                rate *= line["enodes"] / base[2]
            line["speedup"] = round(rate, 4)
            line["efficiency"] = round(rate * base[0] / cores, 4)
            line.update(traffic.get((mode, ranks, threads), {}))
            summary.append(line)
    return summary


def write_csv(path, rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=numbers, default=[1, 2], help="numbers of ranks (default 1,2)")
    parser.add_argument("--threads", type=numbers, default=[1], help="numbers of threads of a rank (default 1)")
    parser.add_argument("--workload", choices=sorted(WORKLOADS), default="math")
    parser.add_argument("--mode", choices=("strong", "weak", "both"), default="both")
    parser.add_argument("--iterations", type=int, default=0, help="of math (default 11)")
    parser.add_argument("--copies", type=int, default=1, help="weak: parts of the input for each core (default 1)")
    parser.add_argument("--repetitions", type=int, default=3, help="timed runs of a pairing (default 3)")
    parser.add_argument("--program", default=str(ROOT / "build" / "release" / "bin" / "tessera"))
    parser.add_argument("--launcher", default="mpirun -np {ranks}", help="default 'mpirun -np {ranks}'; {threads} too")
    parser.add_argument("--launcher-always", action="store_true", help="use it for a single rank also")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/scaling"))
    parser.add_argument("--no-plots", action="store_true")
    parser.add_argument("--extra", type=shlex.split, default=[], help="further options for the program, in quotes")
    arguments = parser.parse_args(argv)
    if arguments.repetitions < 1 or arguments.copies < 1:
        parser.error("--repetitions and --copies: expected at least 1")
    if not os.access(arguments.program, os.X_OK):
        parser.error(f"--program: found no program at {arguments.program}; build it, or name it")
    return arguments


def main(argv=None):
    arguments = parse(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    modes = ("strong", "weak") if arguments.mode == "both" else (arguments.mode,)
    rows, traffic, iterations = [], {}, []

    def log(line):
        print(line, file=sys.stderr, flush=True)

    try:
        with tempfile.TemporaryDirectory(prefix="tessera-scaling-", dir=arguments.out) as holder:
            folder = pathlib.Path(holder).resolve()
            for mode in modes:
                rows += time_all(arguments, mode, folder, log)
                for ranks in arguments.ranks:
                    for threads in arguments.threads:
                        found, by_iteration = traffic_of(arguments, mode, ranks, threads, folder)
                        traffic[mode, ranks, threads] = found
                        iterations += by_iteration
        check_digests(rows)
    except (OSError, RunFailed) as error:
        print(f"scaling_runs.py: {error}", file=sys.stderr)
        return 3
    summary = summarize(rows, traffic)
    write_csv(arguments.out / "runs.csv", rows)
    write_csv(arguments.out / "summary.csv", summary)
    write_csv(arguments.out / "iterations.csv", iterations)
    for line in summary:
        print(f"{line['mode']:6} {line['ranks']:4} x {line['threads']:<3} {line['seconds']:9.3f} s  speed-up "
              f"{line['speedup']:6.2f}  efficiency {100 * line['efficiency']:5.1f} %")
    if not arguments.no_plots:
        import plots
        for path in plots.draw(summary, iterations, arguments.out):
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
