"""From records on a few numbers of ranks to any number of ranks and any size of graph.

How a group's work, bytes and messages grow with the ranks P at a fixed graph. A node's home is a hash, so K references
to one class meet D_K(P) = P (1 - (1 - 1/P)^K) different ranks: 1 for K = 1, K for many ranks, P for a hub. Work and
traffic are fitted by nonnegative combinations of D_1, D_2, D_4, ... (what is done once for each rank that refers to a
class); bytes times the share (P-1)/P that leaves a rank. References beyond the most recorded ranks cannot be told from
K = infinity; `hubs` says which end is taken.

How they grow with the graph. A graph `factor` times as large is taken to be `factor` disjoint copies: work, bytes and
tables times the factor, as many supersteps, the same K. What a step costs without data (fixed, and a bit for every
rank) is fitted to the recorded steps of the smallest iterations, and is not multiplied.

How even the ranks are loaded. A hash deals items out as a multinomial: max/mean - 1 is about sqrt(2 ln P) sigma/mean,
which grows as sqrt(P ln P) and shrinks with the root of the copies; what grows as P instead is one heavy place (a hub
that is not split), and shrinks with the copies. Both are fitted to the loads counted at each recorded P.
"""

import math

from work_record import Rates, groups_of, nonnegative_least_squares

REFERENCES = (1, 2, 4, 16, 64, 512)


def distinct(ranks, references):
    """Expected number of different ranks that so many hashed references meet."""
    if references == math.inf:
        return float(ranks)
    return ranks * -math.expm1(references * math.log1p(-1 / ranks)) if ranks > 1 else 1.0


class Growth:
    """A sum over ranks as a function of the number of ranks."""

    def __init__(self, points, hubs="bounded", share_that_leaves=False):
        self.hubs = hubs
        self.leaves = share_that_leaves
        self.most = max(ranks for ranks, _ in points)
        # References far beyond the recorded ranks look alike there.
        self.basis = [k for k in REFERENCES if k <= 8 * self.most] or [1]
        rows = [self.terms(ranks) for ranks, _ in points]
        values = [value for _, value in points]
        weights = [1 / value**2 if value > 0 else 0.0 for value in values]  # relative errors count alike
        self.parts = nonnegative_least_squares(rows, values, weights) if any(values) else [0.0] * len(self.basis)

    def terms(self, ranks, unbounded=False):
        share = (ranks - 1) / ranks if self.leaves else 1.0
        largest = self.basis[-1]
        return [share * distinct(ranks, math.inf if unbounded and k == largest and k > 1 else k) for k in self.basis]

    def __call__(self, ranks):
        terms = self.terms(ranks, unbounded=self.hubs == "unbounded" and ranks > self.most)
        return sum(part * term for part, term in zip(self.parts, terms))


class Balance:
    """max / mean - 1 of a group's load as a function of the ranks and the copies."""

    def __init__(self, points):
        rows = [self.terms(ranks) for ranks, _ in points]
        values = [value for _, value in points]
        weights = [1 / (value**2 + 1e-4) for value in values]
        self.parts = nonnegative_least_squares(rows, values, weights)

    @staticmethod
    def terms(ranks):
        return [math.sqrt(2 * ranks * math.log(ranks)) if ranks > 1 else 0.0, ranks - 1.0]

    def __call__(self, ranks, factor):
        spread, heavy = self.terms(ranks)
        excess = self.parts[0] * spread / math.sqrt(factor) + self.parts[1] * heavy / factor
        return min(excess, ranks - 1.0)


class GroupModel:
    """One group on any number of ranks, for a graph of any size."""

    def __init__(self, key, by_ranks, overhead, hubs):
        self.iteration, self.phase, self.step, self.call = key
        groups = sorted(by_ranks.items())
        # What every rank does for itself before the first iteration.
        self.before_seconds = 0.0
        if self.iteration == 0:
            self.before_seconds = sum((g.seconds + g.uncounted) / p for p, g in groups) / len(groups)
        self.steps = groups[-1][1].steps  # few ranks work in more slices, each on more data: those are no more work
        # What a step costs without data is taken off: it does not grow with the graph.
        self.seconds = Growth([(p, max(0.0, g.seconds - g.counted_steps * p * overhead(p))) for p, g in groups], hubs)
        # Where nothing is counted there is too little for a curve: beyond what idle steps cost as much in all, however
        # many ranks share it.
        beyond = [max(0.0, g.uncounted - (g.steps - g.counted_steps) * p * overhead(p)) for p, g in groups]
        self.uncounted = sum(beyond) / len(beyond)
        self.bytes = Growth([(p, float(g.bytes)) for p, g in groups], hubs, share_that_leaves=True)
        self.balance = Balance([(p, g.excess(p)) for p, g in groups])
        spread = [(p, g.busiest_bytes * p / g.bytes - 1 if g.bytes else 0.0) for p, g in groups]
        self.byte_balance = Balance([(p, max(0.0, excess)) for p, excess in spread])
        last = groups[-1][1]
        self.largest = last.largest / last.steps if last.steps else 0.0
        self.gathered = last.gathered
        self.items = max(1.0, last.messages)

    def peers(self, ranks, factor, average_record=64.0):
        """Other ranks that the busiest rank has something for in one step: records dealt out at random."""
        records = self.bytes(ranks) * factor / ranks / max(1, self.steps) / average_record
        if ranks < 2 or records <= 0:
            return 0.0
        return min(ranks - 1.0, distinct(ranks, max(1.0, records)))


def fit_overhead(records, smallest=3):
    """Seconds of a rank in a step that has nothing to do: fixed + each rank. From the first iterations, where the graph
    is tiny: medians over steps of the mean over ranks."""
    points = []
    for record in records:
        idle = sorted(sum(step.seconds) / record.ranks for step in record.steps
                      if step.iteration <= smallest and step.call in ("alltoall", "reduce"))
        if idle:
            points.append((record.ranks, idle[len(idle) // 2]))
    if not points:
        return lambda ranks: 0.0
    fixed, each = nonnegative_least_squares([[1.0, float(p)] for p, _ in points], [v for _, v in points],
                                            [1 / v**2 if v else 0.0 for _, v in points])
    return lambda ranks: fixed + each * ranks


class Workload:
    """Records of one run on several numbers of ranks, ready to be replayed on others; of several records on one number
    of ranks, the fastest."""

    def __init__(self, records, hubs="bounded"):
        self.records = {}
        for record in records:
            fastest = self.records.get(record.ranks)
            if fastest is None or record.seconds < fastest.seconds:
                self.records[record.ranks] = record
        many = [record for ranks, record in sorted(self.records.items()) if ranks > 1]
        if not many:
            raise ValueError("found no record on two or more ranks, expected at least one")
        self.enodes = max(record.enodes for record in records)
        self.rates = Rates(many)
        self.overhead = fit_overhead(many)
        by_key = {}
        for record in many:
            for key, group in groups_of(record, self.rates).items():
                by_key.setdefault(key, {})[record.ranks] = group
        self.groups = [GroupModel(key, groups, self.overhead, hubs) for key, groups in by_key.items()]
        # Steps of which any exchange, in any iteration and record, carried something.
        self.carrying = {(key[1], key[2]) for key, groups in by_key.items() if any(g.bytes for g in groups.values())}
        self.alone = self.records.get(1)

    def alone_seconds(self, factor):
        """Of one rank and a graph `factor` times as large; None if that was not recorded."""
        if self.alone is None:
            return None
        before = sum(sum(step.seconds) for step in self.alone.steps if step.iteration == 0)
        return before + (self.alone.seconds - before) * factor
