#!/usr/bin/env python3
"""Rules and options that cannot be used: exit code 2 (what the user can mend), one message, on any number of ranks."""

import unittest

from program_support import BAD_INPUT, SMALL_MODEL, ProgramTest, main, place

PRODUCT = "(compute dot-product (access-cartesian-product ?a ?b))"
DEEP = 10_000_000


class BadRules(ProgramTest):
    def refuse(self, text, *patterns):
        self.write("my.rules", text)
        self.expect_refused_alone_and_on_two_ranks(["search", SMALL_MODEL, "--rules", "my.rules"], *patterns)

    def test_empty(self):
        self.refuse("", place("my.rules", 1, 1), "expected a rule", "found the end of the text")

    def test_unbound_variable(self):
        text = (f"(language tensor)\n(rewrite exchange\n  {PRODUCT}\n"
                "  (compute dot-product (access-cartesian-product ?b ?c)))\n")
        self.refuse(text, place("my.rules", 4, 53), "exchange", r"\?c is not bound", r"\?a .*\?b")

    def test_unknown_operator(self):
        text = f"(language tensor)\n(rewrite twist {PRODUCT} (access-twist ?a))\n"
        self.refuse(text, r"my\.rules:2:\d+:", "access-twist")

    def test_wrong_language(self):
        self.refuse("(language term)\n(rewrite commute (Add ?a ?b) (Add ?b ?a))\n", r"my\.rules:1:\d+:", "tensor")

    def test_parentheses(self):
        self.refuse("(" * DEEP, r"my\.rules:1:\d+:", "nested more than")
        self.write("deep.rules", "(" * (DEEP // 2) + ")" * (DEEP // 2))
        self.expect_refused_alone_and_on_two_ranks(["saturate", "deep.rules"], r"deep\.rules:1:\d+:", "nested")

    def test_one_rule_in_two_sets(self):
        self.write("my.rules", '(include "blocking")\n')
        self.expect_refused_alone_and_on_two_ranks(
            ["search", SMALL_MODEL, "--rules", "blocking", "--rules", "my.rules"], "flatten-both", "more than one")

    def test_missing_file(self):
        arguments = ["search", SMALL_MODEL, "--rules", "missing"]
        self.expect_refused_alone_and_on_two_ranks(arguments, "'missing'", "built-in rules", "blocking")

    def test_nothing_to_saturate(self):
        self.write("my.rules", "(language term)\n(rewrite commute (Add ?a ?b) (Add ?b ?a))\n")
        self.expect_refused_alone_and_on_two_ranks(["saturate", "my.rules"], r"my\.rules", "start", "expected")


class UnsoundShapes(ProgramTest):
    """A rule whose sides have different shapes passes the parser and is caught when it is first applied."""

    def refuse(self, text, *patterns):
        self.write("my.rules", text)
        for ranks in (None, 2, 3):
            outcome = self.run_tessera("search", SMALL_MODEL, "--rules", "my.rules", ranks=ranks)
            self.expect_refused(outcome, *patterns)

    def test_operand_for_product(self):
        shape = r"\[[0-9 ]*\]\[[0-9 ]*\] float32"
        self.refuse(f'(include "blocking")\n(rewrite drop-weights {PRODUCT} ?a)\n', place("my.rules", 2, 1),
                    "rule drop-weights", f"shapes disagree: {shape} vs {shape}")

    def test_forgotten_transpose(self):
        self.refuse("(language tensor)\n\n(rewrite turn-round\n"
                    f"  {PRODUCT}\n  (compute dot-product (access-cartesian-product ?b ?a)))\n",
                    place("my.rules", 3, 1), "rule turn-round", "shapes disagree")

    def test_impossible_slice(self):
        # Inside the rule's right side itself: there is no such shape.
        self.refuse(f"(language tensor)\n(rewrite beyond {PRODUCT}\n"
                    "  (compute dot-product (access-cartesian-product (access-slice ?a 0 0 1000000) ?b)))\n",
                    "beyond", "access-slice|1000000")


class BadOptions(ProgramTest):
    def test_arrays(self):
        for array in ("0x64", "64x0", "64", "64x", "x", "-1x64", "64x64x64", "70000x64", "64 x 64", "ax64"):
            outcome = self.run_tessera("search", f"--array={array}")
            self.expect_refused(outcome, "--array", "found", "expected ROWSxCOLS")
        self.expect_refused(self.run_tessera("search", "--array", "0x64", ranks=2), "--array: found '0x64'", "expected")

    def test_unknown_rules(self):
        for option in ("--ban", "--pin"):
            self.expect_refused_alone_and_on_two_ranks(["search", SMALL_MODEL, option, "tyle"], option, "found 'tyle'",
                                                       "expected one of the rules", r"tile\[64x64\]")
        outcome = self.run_tessera("search", SMALL_MODEL, "--match-limit", "tyle=10")
        self.expect_refused(outcome, "--match-limit", "found 'tyle'")

    def test_banned_and_pinned(self):
        self.expect_refused(self.run_tessera("search", "--ban", "map", "--pin", "map"), "both banned and pinned")

    def test_folder_that_cannot_be_written(self):
        self.write("file", "not a folder")
        for folder in ("file", "file/out", "/proc/out"):
            arguments = ["search", SMALL_MODEL, "--out", folder]
            self.expect_refused_alone_and_on_two_ranks(arguments, "cannot", f"'{folder}'")
        self.assertEqual((self.folder / "file").read_text(encoding="utf-8"), "not a folder")

    def test_misspelt(self):
        outcome = self.run_tessera("search", "--arrray", "64x64")
        self.expect_refused(outcome, "unknown option '--arrray'", "did you mean '--array'")
        self.expect_code(self.run_tessera("serch"), BAD_INPUT)
        self.expect_code(self.run_tessera(), BAD_INPUT)

    def test_numbers(self):
        for option, value in (("--shards", "3"), ("--threads", "0"), ("--iterations", "-1"), ("--memory-limit", "10"),
                              ("--time-limit", "soon"), ("--scope", "model"), ("--seed", "x")):
            self.expect_refused(self.run_tessera("search", f"{option}={value}"), option, "found", "expected")


if __name__ == "__main__":
    main()
