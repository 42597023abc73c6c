"""What a message and a collective call cost under LogGP.

LogP (Culler et al., "LogP: Towards a Realistic Model of Parallel Computation", PPoPP 1993): L, the wire's latency; o,
the processor's time to send or to receive a message; g, the least time between two messages of a processor. LogGP
(Alexandrov, Ionescu, Schauser and Scheiman, SPAA 1995) adds G, the time a byte of a long message takes: a message of k
bytes arrives o + (k-1)G + L + o after it was begun, and the next may follow max(g, o) + (k-1)G later.

Collectives are the algorithms that MPI libraries use (Thakur, Rabenseifner and Gropp, IJHPCA 2005): Bruck's or pairwise
for all-to-all, recursive doubling or Rabenseifner's for all-reduce, Bruck's or a ring for all-gather; the cheaper one.
The sparse exchange is NBX (Hoefler, Siebert and Lumsdaine, PPoPP 2010), whose messages are acknowledged; an announced
one tells all ranks sizes as a dense one, and then sends only what there is; the hierarchical one goes over a grid of
about sqrt(P) x sqrt(P) ranks in two hops. The program is dense on few ranks and sparse on many.
"""

import dataclasses
import math

EXCHANGES = ("program", "dense", "sparse", "announced", "grid")
SPARSE_FROM_RANKS = 64  # what the program does: kSparseFromRanks, cluster/exchange_way.hpp


@dataclasses.dataclass(frozen=True)
class Network:
    """Seconds; G in seconds per byte. Defaults: a 100 Gb/s network (EDR/HDR100 InfiniBand), one rank a port."""

    L: float = 1.2e-6
    o: float = 0.3e-6
    g: float = 0.15e-6
    G: float = 0.08e-9            # 12.5 GB/s
    ack: float = 0.15e-6          # the processor's time to send or to receive an acknowledgement: no matching, no data
    copy: float = 0.10e-9         # to move a byte within memory, packing and unpacking included twice
    peer: float = 4e-9            # the program's own loop over ranks, for each rank and exchange
    word: float = 1e-9            # to combine 8 bytes in a reduction

    def with_ranks_per_port(self, ranks):
        """Ranks that share a network port share its bandwidth and its rate of messages."""
        return dataclasses.replace(self, G=self.G * ranks, g=self.g * ranks)

    def message(self, size):
        return 2 * self.o + self.L + max(0, size - 1) * self.G

    def messages(self, count, size, acknowledged=False):
        """A rank sends and receives `count` messages of `size` bytes in all, one after the other."""
        if count <= 0:
            return 0.0
        gap = max(self.g, 2 * self.o)
        last = 2 * self.o + self.L + size * self.G
        if acknowledged:
            gap = max(2 * self.g, 2 * (self.o + self.ack))
            last += 2 * self.ack + self.L
        return (math.ceil(count) - 1) * gap + last

    def all_reduce(self, ranks, size):
        if ranks < 2:
            return 0.0
        rounds = math.ceil(math.log2(ranks))
        words = size / 8
        doubling = rounds * (self.message(size) + words * self.word)
        moved = 2 * size * (ranks - 1) / ranks
        halving = 2 * rounds * (2 * self.o + self.L) + moved * self.G + words * self.word
        return min(doubling, halving)

    def all_gather(self, ranks, largest, total):
        """Sizes first, then the bytes."""
        if ranks < 2:
            return 0.0
        rounds = math.ceil(math.log2(ranks))
        sizes = rounds * (2 * self.o + self.L) + 8 * (ranks - 1) * self.G
        bruck = rounds * (2 * self.o + self.L) + total * self.G + total * self.copy
        ring = (ranks - 1) * self.message(largest)
        return sizes + min(bruck, ring)

    def counts(self, ranks):
        """Everyone tells everyone 8 bytes: how much is coming."""
        rounds = math.ceil(math.log2(ranks))
        bruck = rounds * (2 * self.o + self.L + 4 * ranks * (self.G + self.copy))
        return min(bruck, self.messages(ranks - 1, 8 * (ranks - 1)))

    def exchange(self, ranks, kind, size, peers):
        """An all-to-all in which the busiest rank sends or receives `size` bytes to or from `peers` others.
        {part: seconds}: counts, messages, bytes, loops."""
        if ranks < 2:
            return {}
        size_cost = size * (self.G + self.copy)
        if kind == "program":
            kind = "sparse" if ranks >= SPARSE_FROM_RANKS else "dense"
        if kind == "dense":  # counts from all to all, then a message to each, empty or not
            return {"counts": self.counts(ranks), "messages": self.messages(ranks - 1, 0), "bytes": size_cost,
                    "loops": 6 * ranks * self.peer}
        if kind == "announced":
            return {"counts": self.counts(ranks), "messages": self.messages(peers, 0), "bytes": size_cost,
                    "loops": 5 * ranks * self.peer}
        if kind == "sparse":  # messages to those concerned, and a barrier that tells that all have arrived
            barrier = math.ceil(math.log2(ranks)) * (2 * self.o + self.L)
            return {"counts": barrier, "messages": self.messages(peers, 0, acknowledged=True),
                    "bytes": size_cost, "loops": 3 * ranks * self.peer}
        side = math.ceil(math.sqrt(ranks))  # grid: rows, then columns; a byte moves twice
        hop = self.counts(side) + self.messages(side - 1, 0)
        return {"counts": 2 * self.counts(side), "messages": 2 * (hop - self.counts(side)), "bytes": 2 * size_cost,
                "loops": 2 * ranks * self.peer}
