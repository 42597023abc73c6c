#!/usr/bin/env python3
"""Programs in egglog's text format, run by the built program: what they print, on any number of ranks and shards."""

import pathlib
import random
import re
import unittest

from naive_egglog import NaiveEgglog
from program_support import DONE, INCOMPLETE, ProgramTest, main, place

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "egglog"

# egg 0.11: e-nodes and e-classes after each iteration of the arithmetic benchmark, from the start terms on.
MATH_OF_EGG = [(35, 35), (69, 50), (118, 71), (208, 116), (389, 197), (784, 361), (1576, 666), (3160, 1347),
               (8113, 3576)]

MATH = "(datatype Math (Num i64) (Var String) (Add Math Math) (Mul Math Math))\n"


class EgglogTest(ProgramTest):
    def saturate(self, file, *options, ranks=None, code=DONE):
        outcome = self.run_tessera("saturate", file, "--quiet", *options, ranks=ranks)
        self.expect_code(outcome, code)
        return outcome

    def printed(self, file, *options, ranks=None):
        """What the program's commands printed: all before the summary; and the summary's digest."""
        output = self.saturate(file, *options, ranks=ranks).output
        commands, summary = re.split(r"^stopped: ", output, maxsplit=1, flags=re.MULTILINE)
        return commands, re.search(r"digest ([0-9a-f]{32})", summary).group(1)

    def expect_printed(self, file, expected):
        """The same on any layout; `expected` are the lines."""
        alone = self.printed(file)
        self.assertEqual(alone[0].splitlines(), expected)
        for options, ranks in ((("--shards", 4, "--threads", 2), None), ((), 2), (("--shards", 2), 3)):
            self.assertEqual(self.printed(file, *options, ranks=ranks), alone, f"{options}, {ranks} ranks")

    def run_text(self, text, **arguments):
        self.write("t.egg", text)
        return self.saturate("t.egg", **arguments)


class Programs(EgglogTest):
    def test_math_counts_as_egg(self):
        for options, ranks in (((), None), (("--shards", 8), None), ((), 2)):
            output = self.saturate(DATA / "math.egg", "--print-counts", *options, ranks=ranks).output
            counts = re.findall(r"^iteration (\d+): (\d+) e-nodes, (\d+) e-classes", output, flags=re.MULTILINE)
            self.assertEqual([(int(n), int(c)) for _, n, c in counts], MATH_OF_EGG)
            self.assertEqual([int(i) for i, _, _ in counts], list(range(len(MATH_OF_EGG))))
            # print-size after 0, 4 and 8 iterations: the constructors' sizes add up to the e-nodes.
            sizes = [int(size) for size in re.findall(r"^[A-Z]\w*: (\d+)$", output, flags=re.MULTILINE)]
            self.assertEqual([sum(sizes[i:i + 13]) for i in (0, 13, 26)], [35, 389, 8113])

    def test_arithmetic(self):
        self.expect_printed(DATA / "arithmetic.egg", ["(Num 23)", '(Shift (Name "x") 2)', "6"])

    def test_conditions(self):
        self.expect_printed(DATA / "conditions.egg", ["1", "1", "2", "2"])

    def test_commands_and_include(self):
        self.expect_printed(DATA / "commands.egg", [
            "Double: 0", "Plus: 0", "Succ: 2", "Zero: 1", "0", "1", "(Succ (Succ (Succ (Succ (Zero)))))",
            "(Double (Succ (Succ (Succ (Succ (Zero))))))", "Double: 2", "Plus: 3", "Succ: 4", "Zero: 1"])

    def test_extract_takes_the_cheapest(self):
        text = ('(datatype T (A) (B i64 i64) (F T) (G T :cost 4) (H T T :cost 2))\n'
                "(birewrite (F (F x)) (G x)) (rewrite (A) (B 1 2)) (rewrite (G x) (H x x))\n"
                "(let t (G (G (B 1 2)))) (A) (run 4) (extract t) (extract (B 1 2)) (extract (H (A) (A)))")
        # (B 1 2) costs 3, (A) 1; (G x) 4 + x, (F (F x)) 2 + x, (H x x) 2 + 2x.
        self.write("t.egg", text)
        self.expect_printed("t.egg", ["(F (F (F (F (A)))))", "(A)", "(F (F (A)))"])

    def test_large_terms(self):
        lets = "".join(f"(let t{i} (Add t{i - 1} t{i - 1}))\n" for i in range(1, 40))
        self.write("t.egg", f"{MATH}(let t0 (Num 0))\n{lets}(extract t3)\n(extract t39)\n(print-size Add)\n")
        outcome, _ = self.printed("t.egg", ranks=2)
        lines = outcome.splitlines()
        self.assertEqual(lines[0].count("(Num 0)"), 8)
        self.assertRegex(lines[1], "; the cheapest term costs 1649267441663 .*too many to print")  # 3 * 2^39 - 1
        self.assertEqual(lines[2], "39")

    def test_limits_and_options(self):
        self.write("t.egg", f'{MATH}(rewrite (Add a b) (Add b a))\n(rewrite (Add a b) (Add a (Add b (Num 1))))\n'
                            '(Add (Var "x") (Num 1))\n(run 30)\n(print-size Num)\n')
        outcome = self.saturate("t.egg", "--iterations", 2)
        self.assertIn("t.egg:5:1: the run was stopped after 2 iterations by a limit: iterations", outcome.errors)
        self.assertIn("stopped: iterations after 2 iterations", outcome.output)
        outcome = self.saturate("t.egg", "--ban", "t.egg:3")
        self.assertIn("stopped: saturated after 2 iterations; 4 e-nodes", outcome.output)
        outcome = self.run_tessera("saturate", "t.egg", "--ban", "t.egg:4")
        self.expect_refused(outcome, "--ban", r"t\.egg:3\[\(Add a b\)")


class Checks(EgglogTest):
    def expect_failed(self, text, *patterns):
        for ranks in (None, 2):
            outcome = self.run_text(MATH + text, ranks=ranks, code=INCOMPLETE)
            self.assertEqual(len(outcome.messages), 1, str(outcome))
            for pattern in patterns:
                self.assertRegex(outcome.messages[0], pattern)
            self.assertNotIn("stopped:", outcome.output)

    def test_failures_have_a_place(self):
        self.expect_failed("(Num 1)\n(check (= (Num 1) (Num 1)))\n(check (= (Num 2) (Num 2)))", place("t.egg", 4, 8),
                           "check failed after 0 iterations", "first of these terms|term is not in the e-graph")
        self.expect_failed("(Num 1)(Num 2)\n(check (= (Num 1) (Num 2)))", place("t.egg", 3, 8), "different e-classes")
        self.expect_failed("(Num 1)(Num 2)(rewrite (Num 1) (Num 2))(run)\n (check (!= (Num 1) (Num 2)))",
                           place("t.egg", 3, 9), "after 1 iterations", "in one e-class")
        self.expect_failed("(Num 1)\n(check (Num i) (> i 1))", place("t.egg", 3, 1), "nothing in the e-graph matches")
        self.expect_failed("(check (= 1 2))", place("t.egg", 2, 8), "constants")

    def test_nothing_runs_after_a_failure(self):
        outcome = self.run_text(f"{MATH}(Num 1)(print-size Num)(check (Num 2))(print-size Add)", code=INCOMPLETE)
        self.assertEqual(outcome.output, "1\n")


class Refusals(EgglogTest):
    def refuse(self, text, *patterns):
        self.write("t.egg", text)
        self.expect_refused_alone_and_on_two_ranks(["saturate", "t.egg"], *patterns)

    def test_places(self):
        self.refuse("", place("t.egg", 1, 1), "found the end of the text")
        self.refuse(f"{MATH}\n(relation edge (i64 i64))", place("t.egg", 3, 1), r"\(relation …\) is not supported")
        self.refuse(f"{MATH}(Add (Num 1) 2)", place("t.egg", 2, 14), "expected Math, found '2' of sort i64")

    def test_wrong_format(self):
        self.refuse("(language term)\n(start (Add a b))", place("t.egg", 1, 1), r"\.rules file")
        self.write("t.rules", MATH)
        self.expect_refused_alone_and_on_two_ranks(["saturate", "t.rules"], place("t.rules", 1, 1), r"\.egg file")

    def test_files(self):
        self.expect_refused_alone_and_on_two_ranks(["saturate", "none.egg"], r"none\.egg", "No such file")
        self.write("b.egg", '; back\n(include "./t.egg")')
        self.refuse(f'{MATH}(include "b.egg")', place("b.egg", 2, 10), "cycle", r"t\.egg -> .*b\.egg -> .*t\.egg")
        (self.folder / "sub").mkdir()
        self.write("sub/c.egg", '(include "d.egg")')
        self.write("sub/d.egg", "(Num 1)\n(Num x)")
        self.refuse(f'{MATH}(include "sub/c.egg")', place("sub/d.egg", 2, 6), "unknown name 'x'")

    def test_rules_that_fail_when_applied(self):
        # A right side that has no value: the rule's fault, named with its place.
        self.refuse(f"{MATH}(rewrite (Num i) (Num (* i i)))\n(Num 4000000000)(run 3)", place("t.egg", 2, 23),
                    r"t\.egg:2\[\(Num i\) => \(Num \(\* i i\)\)\]", "overflow")

    def test_hostile_nesting(self):
        self.refuse("(" * 1_000_000, place("t.egg", 1, 10001), "nested")
        self.refuse(MATH + "(Add (Num 1) " * 5000 + "(Num 1)" + ")" * 5000, r"t\.egg:2:\d+:", "nested more than 1000")


# Random programs, for the comparison with a naive reading of them.
SCHEMA = {"Num": ["i64"], "Leaf": [], "Add": ["E", "E"], "Neg": ["E"], "Tag": ["E", "i64"], "Mix": ["E", "i64", "E"]}


class RandomProgram:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.rules = [self.rule() for _ in range(self.random.randint(2, 4))]
        self.terms = [[self.term(3) for _ in range(self.random.randint(1, 4))] for _ in range(2)]

    def term(self, depth, variables=None, numbers=None):
        """A term; with variables, a pattern that may use new ones (left sides) and records them."""
        choose = self.random
        if variables is not None and (depth == 0 or choose.random() < 0.4):
            name = choose.choice("abc")
            variables.add(name)
            return name
        head = choose.choice(list(SCHEMA) if depth > 0 else ["Num", "Leaf"])
        return (head, *(self.number(numbers) if sort == "i64" else self.term(depth - 1, variables, numbers)
                        for sort in SCHEMA[head]))

    def number(self, numbers):
        if numbers is not None and self.random.random() < 0.6:
            name = self.random.choice("ij")
            numbers.add(name)
            return name
        return self.random.randint(-1, 2)

    def right(self, depth, variables, numbers):
        choose = self.random
        if variables and (depth == 0 or choose.random() < 0.5):
            return choose.choice(variables)
        head = choose.choice(list(SCHEMA) if depth > 0 else ["Num", "Leaf"])
        return (head, *(self.computed(numbers) if sort == "i64" else self.right(depth - 1, variables, numbers)
                        for sort in SCHEMA[head]))

    def computed(self, numbers):
        if not numbers or self.random.random() < 0.3:
            return self.random.randint(-1, 2)
        name = self.random.choice(numbers)
        # Bounded, so that numbers do not make a program endless by themselves.
        return self.random.choice([name, ("min", ("+", name, 1), 3), ("max", ("-", name, 1), -3)])

    def rule(self):
        left = "a"
        while isinstance(left, str):
            variables, numbers = set(), set()
            left = self.term(2, variables, numbers)
        facts = []
        for name in sorted(variables):
            if self.random.random() < 0.35:
                more_variables, more_numbers = set(variables), set(numbers)
                fact = self.term(1, more_variables, more_numbers)
                if not isinstance(fact, str):
                    facts.append(("=", name, fact))
                    variables, numbers = more_variables, more_numbers
        known, numbers = sorted(variables), sorted(numbers)
        if len(known) > 1 and self.random.random() < 0.5:
            facts.append((self.random.choice(["!=", "!=", "="]), *self.random.sample(known, 2)))
        if known and self.random.random() < 0.25:
            facts.append(("!=", self.random.choice(known), self.random.choice([("Leaf",), ("Num", 1)])))
        for name in numbers:
            if self.random.random() < 0.3:
                facts.append((self.random.choice(["<", ">=", "!=", "="]), name, self.random.randint(-1, 2)))
        return left, self.right(2, known, numbers), facts

    @staticmethod
    def text_of(term):
        return f"({' '.join(map(RandomProgram.text_of, term))})" if isinstance(term, tuple) else str(term)

    def text(self, iterations):
        constructors = " ".join(f"({' '.join([name, *sorts])})" for name, sorts in SCHEMA.items())
        lines = [f"(datatype E {constructors})"]
        for left, right, facts in self.rules:
            when = f" :when ({' '.join(map(self.text_of, facts))})" if facts else ""
            lines.append(f"(rewrite {self.text_of(left)} {self.text_of(right)}{when})")
        for terms in self.terms:
            lines += map(self.text_of, terms)
            lines += ["(run 1)", "(print-size)"] * iterations
        return "\n".join(lines) + "\n"

    def naive_sizes(self, iterations, most):
        """What print-size must print; None when the e-graph grows beyond what is quickly compared."""
        egraph = NaiveEgglog(SCHEMA)
        result = []
        for terms in self.terms:
            for term in terms:
                egraph.insert(term)
            egraph.rebuild()
            for _ in range(iterations):
                egraph.iterate(self.rules)
                sizes = egraph.sizes()
                if sum(sizes.values()) > most:
                    return None
                result += [f"{name}: {sizes[name]}" for name in sorted(sizes)]
        return result


class AgainstNaive(EgglogTest):
    ITERATIONS = 3
    PROGRAMS = 60

    def test_random_programs(self):
        compared, grew = 0, 0
        for seed in range(400):
            program = RandomProgram(seed)
            expected = program.naive_sizes(self.ITERATIONS, 150)
            if expected is None:
                continue
            text = program.text(self.ITERATIONS)
            self.write("t.egg", text)
            compared += 1
            grew += expected[:len(SCHEMA)] != expected[-len(SCHEMA):]
            layouts = [((), None), (("--shards", 4), None)]
            if compared % 6 == 0:
                layouts += [((), 2), ((), 3)]
            for options, ranks in layouts:
                self.assertEqual(self.printed("t.egg", *options, ranks=ranks)[0].splitlines(), expected,
                                 f"seed {seed}, {options}, {ranks} ranks\n{text}")
            if compared == self.PROGRAMS:
                break
        self.assertEqual(compared, self.PROGRAMS)
        self.assertGreater(grew, self.PROGRAMS // 2)  # programs in which nothing happens prove nothing


if __name__ == "__main__":
    main()
