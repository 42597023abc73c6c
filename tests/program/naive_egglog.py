"""A second, naive reading of egglog programs, to compare Tessera with: tables of rows, every match by nested loops,
every iteration from scratch. It knows what the tests' random programs use and nothing more, and takes its programs as
Python values, not as text: a term is ("Num", 3) or ("Add", t, t); a variable is a str, an i64 an int, arithmetic
("+", a, b)."""

import itertools

ARITHMETIC = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "min": min, "max": max}
COMPARISONS = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}


class Class:
    """An e-class; equal ones are one object after rebuild()."""

    numbers = itertools.count()

    def __init__(self):
        self.number = next(Class.numbers)
        self.leader = self

    def find(self):
        at = self
        while at.leader is not at:
            at = at.leader
        return at


def canonical(value):
    return value.find() if isinstance(value, Class) else value


class NaiveEgglog:
    def __init__(self, constructors):
        self.tables = {name: {} for name in constructors}  # per constructor: arguments to e-class

    def insert(self, term, bound=None):
        """The e-class or number of a term, made if need be."""
        if isinstance(term, int):
            return term
        if isinstance(term, str):
            return canonical(bound[term])
        head, *arguments = term
        values = tuple(canonical(self.insert(argument, bound)) for argument in arguments)
        if head in ARITHMETIC:
            return ARITHMETIC[head](*values)
        return canonical(self.tables[head].setdefault(values, Class()))

    def union(self, a, b):
        a, b = sorted((a.find(), b.find()), key=lambda cls: cls.number)
        b.leader = a

    def rebuild(self):
        """Congruence: rows whose arguments have become equal have equal e-classes."""
        while True:
            merged = False
            for name, table in self.tables.items():
                fresh = {}
                for arguments, cls in table.items():
                    key = tuple(canonical(a) for a in arguments)
                    other = fresh.setdefault(key, cls)
                    if other.find() is not cls.find():
                        self.union(other, cls)
                        merged = True
                self.tables[name] = {key: cls.find() for key, cls in fresh.items()}
            if not merged:
                return

    def value(self, term, bound):
        """The number of an arithmetic term, the e-class of a variable; None while something in it is not bound."""
        if isinstance(term, int):
            return term
        if isinstance(term, str):
            return bound.get(term)
        values = [self.value(argument, bound) for argument in term[1:]]
        return None if None in values else ARITHMETIC[term[0]](*values)

    def matches(self, term, expected, bound):
        """All ways to extend `bound` so that the term is `expected` (None: anything): (bindings, value)."""
        if isinstance(term, str):
            if term in bound:
                if expected is None or bound[term] == expected:
                    yield bound, bound[term]
            elif expected is not None:
                yield {**bound, term: expected}, expected
        elif isinstance(term, int) or term[0] in ARITHMETIC:
            value = self.value(term, bound)
            if value is not None and (expected is None or value == expected):
                yield bound, value
        else:
            for arguments, cls in list(self.tables[term[0]].items()):
                if expected is None or cls is expected:
                    yield from ((found, cls) for found in self.match_all(term[1:], arguments, bound))

    def match_all(self, terms, values, bound):
        if not terms:
            yield bound
            return
        for found, _ in self.matches(terms[0], values[0], bound):
            yield from self.match_all(terms[1:], values[1:], found)

    def query(self, facts, bound):
        """All bindings under which every fact holds. Facts come in an order in which each can be computed."""
        if not facts:
            yield bound
            return
        (head, *sides), rest = facts[0], facts[1:]
        if head in COMPARISONS:
            if COMPARISONS[head](*(self.value(side, bound) for side in sides)):
                yield from self.query(rest, bound)
            return
        for found, left in self.matches(sides[0], None, bound):
            if head == "=":
                for both, _ in self.matches(sides[1], left, found):
                    yield from self.query(rest, both)
            else:
                for both, right in self.matches(sides[1], None, found):
                    if left != right:
                        yield from self.query(rest, both)

    def iterate(self, rules):
        """One iteration: all matches of all (left, right, facts), then all right sides, then congruence."""
        found = []
        for left, right, facts in rules:
            for bound, root in self.matches(left, None, {}):
                found += [(root, right, match) for match in self.query(facts, bound)]
        for root, right, bound in found:
            self.union(root, self.insert(right, bound))
        self.rebuild()

    def sizes(self):
        return {name: len(table) for name, table in self.tables.items()}
