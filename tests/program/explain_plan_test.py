#!/usr/bin/env python3
"""What --explain-plan prints: every rule's steps, with counts that agree with the matches on any number of ranks."""

import re
import unittest

from program_support import DONE, ProgramTest, main, tessera

RULES = """(language term)
(rewrite swap (f ?a ?b) (f ?b ?a))
(rewrite left (f ?a (f ?b ?c)) (f (f ?a ?b) ?c))
(rewrite unit (f ?a e) ?a)
(start (f a (f b (f c (f d e)))))
"""


class ExplainPlan(ProgramTest):
    def explain(self, ranks=None):
        self.write("small.rules", RULES)
        outcome = tessera("saturate", "small.rules", "--explain-plan", ranks=ranks, folder=self.folder)
        self.assertEqual(outcome.code, DONE, str(outcome))
        return outcome.output

    def test_every_rule_and_variant(self):
        text = self.explain()
        self.assertRegex(text, r"plans; counts since iteration \d+")
        self.assertEqual(re.findall(r"^rule (.*)$", text, re.M), ["swap", "left", "unit"])
        self.assertEqual(len(re.findall(r"^  variant \d+$", text, re.M)), 5)
        self.assertIn("members f", text)
        self.assertIn("parents by child 1, f (old)", text)
        self.assertIn("compare with e", text)
        self.assertRegex(text, r"new rows of f \(new\).*visited \d+ \(estimated \d+\), bindings \d+ .*shared by [2-9]")

    def test_bindings_of_the_last_step_are_the_matches(self):
        text = self.explain()
        matches = int(re.search(r"^ *(\d+) +\d+ +[\d.]+  left$", text, re.M).group(1))
        plan = text.split("rule left\n")[1].split("rule unit")[0]
        last = [int(re.findall(r"bindings (\d+)", variant)[-1]) for variant in plan.split("variant")[1:]]
        self.assertEqual(sum(last), matches)

    def test_bindings_do_not_depend_on_ranks(self):
        bindings = [re.findall(r"bindings (\d+)", self.explain(ranks)) for ranks in (None, 2, 3)]
        self.assertEqual(bindings[0], bindings[1])
        self.assertEqual(bindings[0], bindings[2])


if __name__ == "__main__":
    main()
