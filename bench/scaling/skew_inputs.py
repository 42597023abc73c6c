#!/usr/bin/python3
"""Writes rules files whose work is as uneven as work gets, for `tessera saturate FILE --iterations 2`.

    skew_inputs.py hub  PARENTS FILE   two classes with half of the parents each: every parent is matched down into its
                                       hub and up from it, and then the hubs merge, so that the parents of one are
                                       re-keyed
    skew_inputs.py rule TERMS FILE     one rule makes 95 % of the matches, nineteen the rest
"""

import argparse
import pathlib
import sys


def hub(parents):
    lines = ["(language term)",
             "(rewrite turn (f ?a ?h) (g ?h ?a))",          # from every parent, no walk
             "(rewrite down (f ?a (h ?x)) (k ?a ?x))",      # from every parent into its hub
             "(rewrite up (h ?x) (m ?x))",                  # the hub itself
             "(rewrite unite (h left) (h right))",
             "(start"]
    lines += [f"  (f a{i} (h {'left' if i % 2 else 'right'}))" for i in range(parents)]
    return "\n".join(lines) + ")\n"


def rule(terms):
    lines = ["(language term)", "(rewrite common (f ?a ?b) (g ?b ?a))"]
    lines += [f"(rewrite rare{i} (r{i} ?a ?b) (s{i} ?b ?a))" for i in range(19)]
    lines.append("(start")
    rare = terms // 20
    lines += [f"  (f a{i} b{i % 97})" for i in range(terms - rare)]
    lines += [f"  (r{i % 19} a{i} b{i % 97})" for i in range(rare)]
    return "\n".join(lines) + ")\n"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("hub", "rule"))
    parser.add_argument("size", type=int)
    parser.add_argument("file", type=pathlib.Path)
    arguments = parser.parse_args(argv)
    if arguments.size < 20:
        parser.error(f"found a size of {arguments.size}, expected at least 20")
    arguments.file.write_text({"hub": hub, "rule": rule}[arguments.kind](arguments.size), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
