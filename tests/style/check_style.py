#!/usr/bin/env python3
"""Style as a test: what a reader of this repository may rely on, checked on every file of it.

    check_style.py ROOT        prints one line per fault, "file:line: what"; exits with 1 if there are any

Checked: files of at most 600 lines, lines of at most 120 characters, no tabs, no spaces at a line's end, a newline at
the end of the file; headers open with a comment and have #pragma once; no marks of unfinished work; folders include
only what stands before them in the order of dependence, and only cluster/ knows MPI.
"""

import pathlib
import re
import sys

# The order of dependence: a folder includes from itself and from folders to its left.
FOLDERS = ["engine", "partition", "io", "cluster", "bench", "tests"]

CODE = {".hpp", ".cpp"}
TEXT = CODE | {".md", ".txt", ".cmake", ".sh", ".py", ".rules", ".json"}
SKIPPED_FOLDERS = {".git", "build", "out", "data", ".cache"}
MAX_LINES = 600
MAX_COLUMNS = 120
# Spelt in halves so that this file passes its own check.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
MPI_HEADER = re.compile(r"^mpi\.h$|^mpi/")


def faults_of(path, text):
    """The faults of one file; `path` is relative to the repository's root. Yields (line number, what)."""
    lines = text.split("\n")
    code = path.suffix in CODE
    if text and not text.endswith("\n"):
        yield len(lines), "no newline at the end of the file"
    line_count = len(lines) - 1 if text.endswith("\n") else len(lines)
    if line_count > MAX_LINES and path.suffix != ".md":
        yield line_count, f"{line_count} lines; at most {MAX_LINES} are allowed: split it by noun or phase"
    for number, line in enumerate(lines, start=1):
        if "\t" in line:
            yield number, "a tab; use spaces"
        if line != line.rstrip():
            yield number, "spaces at the end of the line"
        if len(line) > MAX_COLUMNS and path.suffix not in {".md", ".rules"}:
            yield number, f"{len(line)} characters; at most {MAX_COLUMNS} are allowed"
        if UNFINISHED.search(line):
            yield number, "a mark of unfinished work"
        if code:
            yield from include_faults(path, number, line)
    if path.suffix == ".hpp":
        if not lines[0].startswith("//"):
            yield 1, "a header opens with a comment that says what it is for"
        if "#pragma once" not in lines:
            yield 1, "no #pragma once"


def include_faults(path, number, line):
    match = INCLUDE.match(line)
    if not match:
        return
    quote, target = match.groups()
    here = path.parts[0]
    if MPI_HEADER.match(target) and here not in ("cluster", "tests", "bench"):
        yield number, f"{here}/ includes <{target}>; only cluster/ knows MPI"
    if quote == "<":
        return
    folder = target.split("/")[0]
    if folder not in FOLDERS or "/" not in target:
        yield number, f'"{target}" is not included by its path from the root'
    elif here in FOLDERS and FOLDERS.index(folder) > FOLDERS.index(here):
        yield number, f"{here}/ includes {folder}/, which stands after it in the order of dependence"


def files_of(root):
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if any(part in SKIPPED_FOLDERS or part.startswith("build") for part in relative.parts[:-1]):
            continue
        if path.is_file() and path.suffix in TEXT:
            yield relative


def main():
    root = pathlib.Path(sys.argv[1])
    count = 0
    faults = 0
    for path in files_of(root):
        count += 1
        for number, what in faults_of(path, (root / path).read_text(encoding="utf-8")):
            print(f"{path}:{number}: {what}")
            faults += 1
    print(f"{count} files, {faults} faults")
    return 1 if faults or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
