#!/usr/bin/env python3
"""The scaling model: costs of messages and collectives worked out by hand, fits that find what was put in, records that
are refused, and the replay of a record so small that its time can be added up on paper."""

import contextlib
import io
import json
import math
import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "scaling"))

import balance  # noqa: E402
import extrapolate  # noqa: E402
import loggp  # noqa: E402
import model  # noqa: E402
import scaling_runs  # noqa: E402
import skew_inputs  # noqa: E402
import weak_inputs  # noqa: E402
from work_record import Rates, RecordError, groups_of, nonnegative_least_squares, read_record  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLAIN = loggp.Network(L=5.0, o=1.0, g=3.0, G=0.5, ack=0.5, copy=0.0, peer=0.0, word=0.0)


def step_line(ranks, **changes):
    line = {"iteration": 1, "phase": "match", "step": "partials", "call": "alltoall", "work_ns": [1000] * ranks,
            "wall_ns": [1000] * ranks, "call_ns": [0] * ranks, "work": {}, "bytes": [[0] * ranks] * ranks}
    line.update(changes)
    return line


class Folder(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="tessera-test-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def record(self, name, ranks, lines, **header):
        path = self.folder / name
        header = {"tessera_work_record": 1, "ranks": ranks, "threads": "1", **header}
        path.write_text("".join(json.dumps(line) + "\n" for line in [header, *lines]), encoding="utf-8")
        return path


class LogGP(unittest.TestCase):
    def test_one_message(self):
        # o to send, L on the wire, o to receive, and G for each byte after the first.
        self.assertEqual(PLAIN.message(1), 7.0)
        self.assertEqual(PLAIN.message(11), 12.0)

    def test_messages_one_after_the_other(self):
        self.assertEqual(PLAIN.messages(0, 100), 0.0)
        self.assertEqual(PLAIN.messages(1, 0), 7.0)
        self.assertEqual(PLAIN.messages(4, 20), 3 * 3.0 + 7.0 + 10.0)  # g = 3 apart, for g > 2 o

    def test_all_reduce_is_recursive_doubling_when_short(self):
        self.assertEqual(PLAIN.all_reduce(1, 8), 0.0)
        self.assertEqual(PLAIN.all_reduce(8, 1), 3 * 7.0)
        self.assertEqual(PLAIN.all_reduce(9, 1), 4 * 7.0)

    def test_all_reduce_moves_long_arrays_less_than_twice(self):
        size = 1 << 20
        self.assertAlmostEqual(PLAIN.all_reduce(16, size), 8 * 7.0 + 2 * size * 15 / 16 * 0.5)

    def test_counts_by_bruck_or_directly(self):
        # Bruck: ceil(log2 P) rounds of half the counts; directly: P - 1 messages.
        self.assertEqual(PLAIN.counts(2), min(7.0 + 4.0, 7.0 + 4.0))
        self.assertEqual(PLAIN.counts(4), min(2 * (7.0 + 8.0), 2 * 3.0 + 7.0 + 12.0))
        free = loggp.Network(L=5.0, o=1.0, g=3.0, G=0.0, copy=0.0)
        self.assertEqual(free.counts(1024), 10 * 7.0)

    def test_exchanges(self):
        dense = PLAIN.exchange(4, "dense", 100, 1)
        self.assertEqual(dense["messages"], 2 * 3.0 + 7.0)  # to all three others, for one of them
        self.assertEqual(dense["bytes"], 50.0)
        sparse = PLAIN.exchange(4, "sparse", 100, 1)
        # A barrier of two rounds; a message and its acknowledgement: 7 there, 0.5 + 5 + 0.5 back.
        self.assertEqual(sparse, {"counts": 14.0, "messages": 13.0, "bytes": 50.0, "loops": 0.0})
        announced = PLAIN.exchange(4, "announced", 100, 1)
        self.assertEqual(announced, {"counts": dense["counts"], "messages": 7.0, "bytes": 50.0, "loops": 0.0})
        grid = PLAIN.exchange(16, "grid", 100, 1)
        self.assertEqual(grid["messages"], 2 * (2 * 3.0 + 7.0))  # rows of four, then columns of four
        self.assertEqual(grid["bytes"], 100.0)
        self.assertEqual(PLAIN.exchange(1, "dense", 100, 0), {})

    def test_acknowledged_messages_one_after_the_other(self):
        self.assertEqual(PLAIN.messages(0, 0, acknowledged=True), 0.0)
        self.assertEqual(PLAIN.messages(3, 0, acknowledged=True), 2 * 6.0 + 13.0)  # a gap for each of the two: 2 g
        slow = loggp.Network(L=5.0, o=3.0, g=1.0, G=0.0, ack=2.0)
        self.assertEqual(slow.messages(3, 0, acknowledged=True), 2 * 10.0 + 2 * 3.0 + 5.0 + 2 * 2.0 + 5.0)

    def test_the_program_is_dense_on_few_ranks_and_sparse_on_many(self):
        header = (ROOT / "cluster" / "exchange_way.hpp").read_text(encoding="utf-8")
        self.assertIn(f"constexpr int kSparseFromRanks = {loggp.SPARSE_FROM_RANKS};", header)
        few, many = loggp.SPARSE_FROM_RANKS - 1, loggp.SPARSE_FROM_RANKS
        self.assertEqual(PLAIN.exchange(few, "program", 10, 3), PLAIN.exchange(few, "dense", 10, 3))
        self.assertEqual(PLAIN.exchange(many, "program", 10, 3), PLAIN.exchange(many, "sparse", 10, 3))
        self.assertEqual(model.DESIGNS[0].exchange, "program")

    def test_ranks_that_share_a_port(self):
        shared = PLAIN.with_ranks_per_port(4)
        self.assertEqual((shared.G, shared.g, shared.L, shared.o), (2.0, 12.0, 5.0, 1.0))


class Fits(unittest.TestCase):
    def test_distinct_ranks(self):
        self.assertEqual(extrapolate.distinct(1, 5), 1.0)
        self.assertAlmostEqual(extrapolate.distinct(8, 1), 1.0)
        self.assertAlmostEqual(extrapolate.distinct(2, 2), 1.5)  # the same rank or another
        self.assertEqual(extrapolate.distinct(8, math.inf), 8.0)

    def test_nonnegative(self):
        self.assertEqual(nonnegative_least_squares([[1.0, 0.0], [0.0, 1.0]], [2.0, -3.0]), [2.0, 0.0])
        a, b = nonnegative_least_squares([[1.0, 1.0], [1.0, 2.0], [1.0, 5.0]], [3.0, 4.0, 7.0])
        self.assertAlmostEqual(a, 2.0, places=5)
        self.assertAlmostEqual(b, 1.0, places=5)

    def test_growth_finds_pairs_and_leaves_out_what_stays(self):
        points = [(p, 10 * extrapolate.distinct(p, 1) + 4 * extrapolate.distinct(p, 4)) for p in (2, 4, 8, 16, 32)]
        growth = extrapolate.Growth(points)
        for ranks in (2, 16, 1024):
            expected = 10 + 4 * extrapolate.distinct(ranks, 4)
            self.assertAlmostEqual(growth(ranks), expected, delta=0.02 * expected)
        leaving = extrapolate.Growth([(2, 50.0), (4, 75.0), (8, 87.5)], share_that_leaves=True)
        self.assertAlmostEqual(leaving(1024), 100, delta=2)

    def test_hubs_are_bounded_or_not(self):
        points = [(p, float(p)) for p in (2, 4, 8)]
        self.assertLess(extrapolate.Growth(points, "bounded")(1024), 200)
        self.assertGreater(extrapolate.Growth(points, "unbounded")(1024), 500)

    def test_balance_of_chance_shrinks_with_the_graph_and_of_a_hub_with_its_copies(self):
        chance = extrapolate.Balance([(p, 0.01 * math.sqrt(2 * p * math.log(p))) for p in (4, 16, 64)])
        self.assertAlmostEqual(chance(64, 100), chance(64, 1) / 10, places=4)
        hub = extrapolate.Balance([(p, 0.5 * (p - 1)) for p in (4, 16, 64)])
        self.assertAlmostEqual(hub(256, 1), 127.5, delta=1)
        self.assertAlmostEqual(hub(256, 100), 1.275, delta=0.1)

    def test_crossing(self):
        self.assertIsNone(model.first_below_half([(2, 1.0), (4, 0.9)]))
        self.assertEqual(model.first_below_half([(2, 0.4)]), 2)
        self.assertEqual(model.first_below_half([(2, 1.0), (64, 0.75), (256, 0.25)]), 128)


class Seconds(Folder):
    def uneven(self, ranks, cost):
        """Rows visited that are `cost` ns each, and a rank more has more of them."""
        return [step_line(ranks, iteration=9, work={"visited": [1000 * (r + i) for r in range(ranks)]},
                          work_ns=[1000 * cost * (r + i) for r in range(ranks)]) for i in range(1, 6)]

    def test_rates_come_from_all_records(self):
        records = [read_record(self.record(str(ranks), ranks, self.uneven(ranks, 5))) for ranks in (2, 4)]
        self.assertAlmostEqual(Rates(records).rate["match", "partials"][0], 5e-9, delta=1e-12)

    def test_what_costs_more_on_more_ranks_is_not_taken_for_a_slow_machine(self):
        # As many rows on 2, 4 and 8 ranks, which cost 5, 10 and 20 ns each there.
        records = []
        for ranks, cost in ((2, 5), (4, 10), (8, 20)):
            share = 800_000 // ranks
            line = step_line(ranks, iteration=9, work={"visited": [share] * ranks}, work_ns=[share * cost] * ranks)
            records.append(read_record(self.record(str(ranks), ranks, [line])))
        workload = extrapolate.Workload(records)
        (group,) = workload.groups
        for ranks, expected in ((2, 0.004), (4, 0.008), (8, 0.016)):
            self.assertAlmostEqual(group.seconds(ranks), expected, delta=0.03 * expected)

    def test_balance_comes_from_counts_and_seconds_do_not(self):
        lines = self.uneven(2, 5)
        lines[0]["work_ns"] = [0, 15_000]  # as long in all: what the clock gave to the other rank
        record = read_record(self.record("r", 2, lines))
        (group,) = groups_of(record, Rates([read_record(self.record("even", 2, self.uneven(2, 5)))])).values()
        self.assertEqual((group.steps, group.counted_steps), (5, 5))
        self.assertAlmostEqual(group.seconds, 175e-6, places=12)
        self.assertAlmostEqual(group.excess(2), 100 / 87.5 - 1, places=6)

    def test_what_idle_steps_cost_is_not_multiplied(self):
        records = []
        for ranks in (2, 4):
            idle = [step_line(ranks, work_ns=[2000] * ranks) for _ in range(3)]
            busy = step_line(ranks, iteration=9, work={"visited": [1000] * ranks}, work_ns=[12_000] * ranks)
            records.append(read_record(self.record(str(ranks), ranks, [*idle, busy])))
        workload = extrapolate.Workload(records)
        self.assertAlmostEqual(workload.overhead(4), 2e-6, delta=1e-7)
        busy = next(group for group in workload.groups if group.iteration == 9)
        self.assertAlmostEqual(busy.seconds(4), 4 * 10e-6, delta=1e-6)

    def test_what_precedes_the_first_iteration_is_neither_divided_nor_multiplied(self):
        # Every rank reads for 5 ms; what is counted then is all on one rank, and says nothing of how that is divided.
        records = []
        for ranks in (1, 2, 4):
            start = step_line(ranks, iteration=0, phase="", step="requests", work_ns=[5_000_000] * ranks,
                              work={"requests": [100] + [0] * (ranks - 1)})
            work = step_line(ranks, iteration=9, work={"visited": [1000] * ranks}, work_ns=[8_000_000 // ranks] * ranks)
            records.append(read_record(self.record(str(ranks), ranks, [start, work])))
        workload = extrapolate.Workload(records)
        self.assertAlmostEqual(workload.alone_seconds(10), 5e-3 + 80e-3)
        workload.overhead = lambda ranks: 0.0
        free = loggp.Network(L=0.0, o=0.0, g=0.0, G=0.0, ack=0.0, copy=0.0, peer=0.0, word=0.0)
        for ranks in (2, 4, 64):
            found = model.predict(workload, ranks, 10, free)
            before = [seconds for key, seconds in found.parts.items() if key[0] == ""]
            self.assertAlmostEqual(sum(before), 5e-3)


class Records(Folder):
    def test_replay_adds_up(self):
        path = self.record("r", 2, [
            step_line(2, work_ns=[3000, 1000], bytes=[[99, 10], [20, 99]]),
            step_line(2, step="matches", call="reduce", work_ns=[0, 2000], bytes=[8, 8]),
            step_line(2, step="", call="none", work_ns=[500, 0], bytes=[]),
        ])
        network = loggp.Network(L=5e-6, o=1e-6, g=3e-6, G=0.5e-6, copy=0.0, peer=0.0, word=0.0)
        work = 3e-6 + 2e-6 + 0.5e-6
        counts, messages, size = 11e-6, 7e-6, 20 * 0.5e-6  # the busier direction has 20 bytes
        reduce = 7e-6 + 7 * 0.5e-6
        record = read_record(path)
        self.assertAlmostEqual(model.replay(record, network), work + counts + messages + size + reduce, places=12)
        # One core for both: all of the work, one after the other, and switching to each rank in both calls.
        alone = 4e-6 + 2e-6 + 0.5e-6 + counts + messages + size + reduce + 2 * 2 * 1e-6
        self.assertAlmostEqual(model.replay(record, network, cores=1, switch=1e-6), alone, places=12)

    def test_groups(self):
        path = self.record("r", 2, [step_line(2, bytes=[[5, 10], [20, 5]]), step_line(2, bytes=[[0, 30], [0, 0]])])
        (group,) = groups_of(read_record(path), None).values()
        self.assertEqual((group.steps, group.bytes, group.messages, group.busiest_bytes), (2, 60, 3, 50))

    def test_times_of_ranks_with_threads_are_wall_times(self):
        path = self.record("r", 1, [step_line(1, work_ns=[10], wall_ns=[70])], threads="4")
        self.assertAlmostEqual(read_record(path).steps[0].seconds[0], 70e-9)

    def test_what_is_no_record_is_refused_with_its_line(self):
        cases = {
            "empty": ("", "found no steps"),
            "other": ('{"ranks": 2}\n', ":1: found no work record of format 1"),
            "torn": ('{"tessera_work_record": 1, "ranks": 1}\n{"iteration"', ":2: "),
            "short": ('{"tessera_work_record": 1, "ranks": 2}\n' + json.dumps(step_line(1)) + "\n",
                      ":2: found 1 entries, expected one for each of 2 ranks"),
            "keys": ('{"tessera_work_record": 1, "ranks": 1}\n{"phase": "match"}\n', ":2: "),
        }
        for name, (text, message) in cases.items():
            path = self.folder / name
            path.write_text(text, encoding="utf-8")
            with self.assertRaises(RecordError) as raised:
                read_record(path)
            self.assertIn(message, str(raised.exception))
            self.assertIn(name, str(raised.exception))

    def run_model(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = model.main([str(argument) for argument in arguments])
        return code, out.getvalue(), err.getvalue()

    def perfect(self, ranks, work=8_000_000, **header):
        """A run whose work divides without loss and sends nothing: on any number of ranks all of it is work."""
        share = [work // ranks] * ranks
        lines = [step_line(ranks, iteration=9, work={"visited": share}, work_ns=share) for _ in range(4)]
        return self.record(f"perfect-{ranks}", ranks, lines, **header)

    def test_work_that_divides_scales_until_the_network_costs_as_much(self):
        paths = [self.perfect(ranks) for ranks in (1, 2, 4, 8)]
        free = ["--L", "0", "--o", "0", "--g", "0", "--G", "0", "--copy", "0", "--peer", "0"]
        code, out, _ = self.run_model(*paths, *free)
        self.assertEqual(code, 0)
        self.assertIn("it falls below 50 % at more than 4096 ranks", out)
        self.assertIn("do 1.00 times the work of one", out)
        # A step is 8 ms / P of work, and P - 2 gaps between the messages of a dense exchange: with gaps of 5.26 us as
        # much at P = 40, with gaps of 0.1 us at P = 284, where the program is sparse and has nothing to send.
        code, out, _ = self.run_model(*paths, *free, "--g", "5.263", "--ranks", "2,16,32,36,44,50,60")
        found = int(out.split("it falls below 50 % at ")[1].split(" ")[0])
        self.assertAlmostEqual(found, 40, delta=1)
        self.assertIn("match: partials, alltoall, messages", out)
        code, out, _ = self.run_model(*paths, *free, "--g", "0.1")
        self.assertRegex(out, r"as it is +> 4096 ")
        self.assertAlmostEqual(int(re.search(r"dense exchanges only +(\d+) ", out)[1]), 284, delta=20)

    def test_runs_that_differ_are_refused(self):
        code, _, err = self.run_model(self.perfect(2, input="a"), self.perfect(4, input="b"))
        self.assertEqual(code, 2)
        self.assertIn("expected one run on several numbers of ranks", err)
        code, _, err = self.run_model(self.perfect(1))
        self.assertEqual(code, 2)
        self.assertIn("expected at least one", err)
        code, _, err = self.run_model(self.folder / "missing")
        self.assertEqual(code, 2)

    def test_balance(self):
        path = self.record("r", 2, [step_line(2, iteration=0, work={"visited": [9000, 0]}),
                                    step_line(2, work={"visited": [3000, 1000]})])
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(balance.main([str(path), "--most", "1.3"]), 1)
            self.assertEqual(balance.main([str(path), "--most", "1.5"]), 0)
        self.assertIn("max/mean  1.50", out.getvalue())


class Inputs(unittest.TestCase):
    def test_copies_have_leaves_of_their_own(self):
        text = weak_inputs.math(3)
        self.assertEqual(text.count("(Integral (Ln x_"), 3)
        self.assertIn("(Add 1 (Sqrt five_2))", text)
        self.assertNotIn("Integral_", text)
        self.assertNotRegex(text.split("(start")[1], r"\bx\b")
        self.assertEqual(weak_inputs.sums(2, names=3).split("(start\n")[1],
                         "  (Add n1_0 (Add n2_0 n3_0))\n  (Add n1_1 (Add n2_1 n3_1)))\n")
        self.assertEqual(weak_inputs.dense(3).count("nn.dense"), 3)

    def test_skew(self):
        self.assertEqual(skew_inputs.hub(40).count("(f a"), 40)
        self.assertEqual(skew_inputs.rule(200).count("  (f a"), 190)

    def test_summary(self):
        rows = [{"mode": "strong", "workload": "math", "ranks": ranks, "threads": 1, "enodes": 10, "digest": "d",
                 "seconds": seconds, **{phase: 0.1 for phase in scaling_runs.PHASES}}
                for ranks, times in ((1, (3.0, 1.0, 2.0)), (2, (1.5, 1.0, 1.25))) for seconds in times]
        one, two = scaling_runs.summarize(rows, {("strong", 2, 1): {"bytes": 7}})
        self.assertEqual((one["seconds"], one["speedup"], one["efficiency"]), (2.0, 1.0, 1.0))
        self.assertEqual((two["seconds"], two["speedup"], two["efficiency"], two["bytes"]), (1.25, 1.6, 0.8, 7))
        rows[0]["digest"] = "other"
        with self.assertRaises(scaling_runs.RunFailed):
            scaling_runs.check_digests(rows)


if __name__ == "__main__":
    unittest.main()
