#!/usr/bin/python3
"""Writes inputs of any size for weak scaling: a graph that is as many times as large, made of like parts.

    weak_inputs.py math  COPIES FILE   copies of the arithmetic benchmark's start terms with names of their own; they
                                       share the rules and the numbers, and nothing else
    weak_inputs.py sums  COPIES FILE   copies of a sum of eight names, in every order: saturates, 6,058 e-nodes a copy
    weak_inputs.py dense COPIES FILE   a Relay network of dense layers of different shapes, for `tessera search`
"""

import argparse
import pathlib
import re
import sys

RULES = pathlib.Path(__file__).resolve().parents[2] / "engine" / "rules"


def forms_of(text):
    """Splits a rules file into what stands before (start and the start terms."""
    before, found, after = text.partition("\n(start")
    if not found:
        raise ValueError("found no (start …) form, expected one at the start of a line")
    terms = after.rstrip()
    if not terms.endswith(")"):
        raise ValueError("found something behind the (start …) form, expected it to be the last")
    return before, terms[:-1].strip("\n")


def renamed(terms, copy):
    """Terms with the copy's number behind every name that is a leaf; operators stand behind a parenthesis."""
    return re.sub(r"(?<![(\w-])([A-Za-z]\w*)", rf"\1_{copy}", terms)


def math(copies):
    before, terms = forms_of((RULES / "math.rules").read_text(encoding="utf-8"))
    return before + "\n(start\n" + "\n".join(renamed(terms, copy) for copy in range(copies)) + ")\n"


def sums(copies, names=8):
    before, _ = forms_of((RULES / "assoc10.rules").read_text(encoding="utf-8"))
    terms = []
    for copy in range(copies):
        term = f"n{names}_{copy}"
        for name in range(names - 1, 0, -1):
            term = f"(Add n{name}_{copy} {term})"
        terms.append("  " + term)
    return before + "\n(start\n" + "\n".join(terms) + ")\n"


def dense(copies):
    """Layer i maps 64 (i + 1) inputs to 64 (i + 2) outputs, so no two are of one shape."""
    parameters = ["%data: Tensor[(1, 64), float32]"]
    lines = []
    value = "%data"
    for layer in range(copies):
        inputs, outputs = 64 * (layer + 1), 64 * (layer + 2)
        parameters.append(f"%layer_{layer}_weight: Tensor[({outputs}, {inputs}), float32]")
        last = layer + 1 == copies
        lines.append(f"  {'' if last else f'%{layer} = '}nn.dense({value}, %layer_{layer}_weight, units={outputs})"
                     f"{'' if last else ';'}")
        value = f"%{layer}"
    return "def @main(" + ", ".join(parameters) + ") {\n" + "\n".join(lines) + "\n}\n"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("math", "sums", "dense"))
    parser.add_argument("copies", type=int)
    parser.add_argument("file", type=pathlib.Path)
    arguments = parser.parse_args(argv)
    if arguments.copies < 1:
        parser.error(f"found {arguments.copies} copies, expected at least one")
    text = {"math": math, "sums": sums, "dense": dense}[arguments.kind](arguments.copies)
    arguments.file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
