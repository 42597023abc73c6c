"""Compares the benchmark programs of two versions by the ratio of their times, or two folders of JSON results.

    compare.sh [OPTION...] OLD NEW

OLD and NEW are either commits of this repository (built in temporary worktrees) or source trees ("." is this one, as
it is), or folders of files that --benchmark_format=json wrote. Versions are run in turn: a first round is discarded,
then in each repetition every program runs once as OLD and once as NEW, and which goes first alternates. Told are the
median of the pairs' ratios and their quartiles; "slower" and "faster" are beyond the threshold and no noise by a sign
test (it takes 5 repetitions at least), "slower?" and "faster?" may be noise.
Exit codes: 0 nothing is slower, 1 something is (or fails in NEW), 2 bad options, or nothing to compare.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import ratios
from processes import Failed, huge_pages_state, run
from workload import ROOT


def say(text):
    print(text, file=sys.stderr, flush=True)


def git(*arguments):
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


class Version:
    """A source tree, its benchmark programs built in its build/compare."""

    def __init__(self, name, side, holder):
        self.side = side
        self.worktree = None
        if pathlib.Path(name, "CMakeLists.txt").is_file():
            self.source = pathlib.Path(name).resolve()
            self.title = str(self.source)
            self.build = self.source / "build" / "compare"
            return
        commit = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        self.title = git("log", "-1", "--format=%h %s", commit)
        self.source = self.worktree = holder / f"{side}-source"
        self.build = self.source / "build" / "compare"  # as deep as any preset's: ccache then knows the compilations
        git("worktree", "add", "--detach", "--force", str(self.worktree), commit)

    def programs(self, wanted):
        names = sorted(path.stem for path in (self.source / "bench").glob("*_bench.cpp"))
        return [name for name in names if not wanted or re.search(wanted, name)]

    def build_programs(self, names, jobs):
        say(f"building {self.side}: {self.title}")
        environment = dict(os.environ, CCACHE_BASEDIR=str(self.source), CCACHE_NOHASHDIR="1")
        self.build.mkdir(parents=True, exist_ok=True)
        log = self.build / "compare.log"
        commands = [["cmake", "-S", self.source, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                     "-DTESSERA_TESTS=OFF"], ["ninja", "-C", self.build, f"-j{jobs}", *names]]
        with open(log, "w", encoding="utf-8") as out:
            for command in commands:
                done = subprocess.run([str(part) for part in command], stdout=out, stderr=out, env=environment,
                                      check=False)
                if done.returncode != 0:
                    out.flush()
                    raise Failed(f"{self.title} does not build:\n{log.read_text(encoding='utf-8')[-3000:]}")

    def remove(self):
        if self.worktree is not None:
            git("worktree", "remove", "--force", str(self.worktree))


def measure(versions, programs, options, results):
    for number in range(-1, options.repetitions):
        say("warm-up" if number < 0 else f"repetition {number + 1} of {options.repetitions}")
        for program in programs:
            for version in versions if number % 2 == 0 else reversed(versions):
                command = [version.build / "bin" / program, "--benchmark_format=json",
                           f"--benchmark_min_time={options.min_time:g}"]
                if options.filter:
                    command.append(f"--benchmark_filter={options.filter}")
                said = run(command)
                if number >= 0 and said.lstrip().startswith("{"):  # a filter may leave a program without benchmarks
                    file = results[version.side] / f"{program}-{number:03}.json"
                    file.write_text(said, encoding="utf-8")


def run_versions(options, holder):
    results = {}
    for side in ("old", "new"):
        results[side] = pathlib.Path(options.keep, side) if options.keep else holder / side
        results[side].mkdir(parents=True, exist_ok=True)
        if any(results[side].glob("*.json")):
            raise Failed(f"{results[side]}: there are results already; expected an empty folder")
    versions = []
    try:
        for side, name in (("old", options.old), ("new", options.new)):
            versions.append(Version(name, side, holder))
        names = [version.programs(options.programs) for version in versions]
        programs = [name for name in names[0] if name in names[1]]
        if not programs:
            raise Failed(f"no program to compare: old has {names[0]}, new has {names[1]}")
        for version in versions:
            version.build_programs(programs, options.jobs)
        print(f"old: {versions[0].title}\nnew: {versions[1].title}\n"
              f"transparent huge pages of measured processes: {huge_pages_state()}", flush=True)
        measure(versions, programs, options, results)
    finally:
        for version in versions:
            version.remove()
    return results["old"], results["new"]


def is_results(name):
    return pathlib.Path(name).is_dir() and not pathlib.Path(name, "CMakeLists.txt").is_file()


def parse(arguments):
    parser = argparse.ArgumentParser(prog="compare.sh", formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description=__doc__, usage=argparse.SUPPRESS)
    parser.add_argument("old", metavar="OLD", help=argparse.SUPPRESS)
    parser.add_argument("new", metavar="NEW", help=argparse.SUPPRESS)
    parser.add_argument("--filter", metavar="REGEX", help="only benchmarks whose name matches (-REGEX: does not match)")
    parser.add_argument("--programs", metavar="REGEX", help="only programs whose name matches, e.g. 'match|apply'")
    parser.add_argument("--repetitions", metavar="N", type=int, default=5, help="of every program (default 5)")
    parser.add_argument("--min-time", metavar="S", type=float, default=0.1,
                        help="seconds a benchmark runs for at least, each time (default 0.1)")
    parser.add_argument("--threshold", metavar="PERCENT", type=float, default=5, help="what counts (default 5)")
    parser.add_argument("--jobs", metavar="N", type=int, default=os.cpu_count() or 1, help="of the builds")
    parser.add_argument("--keep", metavar="DIR", help="leave the JSON results in DIR/old and DIR/new")
    options = parser.parse_args(arguments)
    if options.repetitions < 1:
        parser.error("--repetitions: expected at least 1")
    if options.threshold < 0 or options.min_time <= 0:
        parser.error("--threshold, --min-time: expected positive numbers")
    if is_results(options.old) != is_results(options.new):
        parser.error("OLD and NEW: expected two versions, or two folders of results")
    return options


def main(arguments):
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that worktrees are removed
    holder = pathlib.Path(tempfile.mkdtemp(prefix="tessera-compare-"))
    try:
        folders = (options.old, options.new) if is_results(options.old) else run_versions(options, holder)
        (old, old_errors), (new, new_errors) = (ratios.read_results(folder) for folder in folders)
        if options.filter and is_results(options.old):
            wanted = options.filter.removeprefix("-")
            keep = options.filter.startswith("-")
            old, new = ({name: times for name, times in side.items() if bool(re.search(wanted, name)) != keep}
                        for side in (old, new))
        comparisons, only_old, only_new = ratios.compare(old, new, options.threshold / 100)
        if not comparisons and not new_errors:
            raise ratios.BadResults("OLD and NEW have no benchmark in common")
    except (Failed, ratios.BadResults) as error:
        print(f"compare.sh: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(holder, ignore_errors=True)
    print(ratios.text_of(comparisons, only_old, only_new, old_errors, new_errors))
    return 1 if new_errors or any(c.verdict == "slower" for c in comparisons) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
