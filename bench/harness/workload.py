"""The workloads by name (workloads.json): what each runs, and a way to run it.

    workload.sh NAME [OPTION OF TESSERA...]
    workload.sh --print NAME [OPTION OF TESSERA...]     prints the command instead

The program and the workloads' inputs come from the build folder: TESSERA_BUILD, by default build/release.
"""

import json
import os
import pathlib
import shlex
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "bench" / "workloads.json"


def build_folder():
    return pathlib.Path(os.environ.get("TESSERA_BUILD", ROOT / "build" / "release")).resolve()


def workloads():
    return json.loads(TABLE.read_text(encoding="utf-8"))


def command_of(name, build):
    """The command line of a workload, without layout options. Raises KeyError for a name that is none."""
    workload = workloads()[name]
    program = build / "workloads" / f"{workload.get('program', '')}.glenside"
    return [str(build / "bin" / "tessera"),
            *(str(program) if argument == "PROGRAM" else argument for argument in workload["arguments"])]


def usage():
    lines = [__doc__.strip(), "", "Workloads:"]
    lines += [f"  {name:<26} {workload['what']}" for name, workload in workloads().items()]
    return "\n".join(lines)


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    only_print = arguments[0] == "--print"
    name, *options = (arguments[1:] or [""]) if only_print else arguments
    if name not in workloads():
        print(f"workload.sh: found '{name}', expected one of {', '.join(workloads())}", file=sys.stderr)
        return 2
    command = command_of(name, build_folder()) + options
    if only_print:
        print(shlex.join(command))
        return 0
    if not os.access(command[0], os.X_OK):
        print(f"workload.sh: no program {command[0]}: build it (scripts/build.sh release benchmarks) or name the build "
              "folder in TESSERA_BUILD", file=sys.stderr)
        return 2
    os.execv(command[0], command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
