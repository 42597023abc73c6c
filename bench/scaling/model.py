#!/usr/bin/python3
"""Predicts how a recorded search runs on 2 to 4,096 ranks, and says what stops it from scaling.

    model.py RECORD...  [--enodes N] [--ranks 2,4,...]     records (--record-work) of one run on some numbers of ranks

Prints, for each number of ranks: predicted time, speed-up and efficiency; where efficiency falls below one half and
which phase, step and part of which collective take the time that is lost; and what redesigns of the exchange would
gain. The method, its assumptions and its errors: README.md.
"""

import argparse
import collections
import sys

import loggp
from extrapolate import Workload
from work_record import RecordError, read_record

DEFAULT_RANKS = "2,4,8,16,32,64,128,256,512,1024,2048,4096"
PHASES = ("match", "apply", "merge", "rebuild", "analyze", "")  # "": between phases


class Design:
    """How the program uses the network; the first is what it does."""

    def __init__(self, name, exchange="program", fused=False, balanced=False, rounds=1.0, empty=True):
        self.name = name
        self.exchange = exchange
        self.fused = fused        # reductions travel with the counts of an exchange beside them
        self.balanced = balanced  # heavy keys split: no heavy places
        self.rounds = rounds      # supersteps, times this
        self.empty = empty        # exchanges that never carry anything are made all the same


DESIGNS = (
    Design("as it is"),
    Design("dense exchanges only", exchange="dense"),
    Design("sparse exchanges only", exchange="sparse"),
    Design("announced exchange", exchange="announced"),
    Design("two-hop grid exchange", exchange="grid"),
    Design("fused reductions", fused=True),
    Design("no exchanges that are always empty", empty=False),
    Design("half the supersteps", rounds=0.5),
    Design("even loads", balanced=True),
    Design("grid, fused, half the supersteps", exchange="grid", fused=True, rounds=0.5),
)


class Prediction:
    """Seconds of a run by phase and step and part; parts: work (the mean rank's), imbalance, and the network's."""

    def __init__(self, ranks):
        self.ranks = ranks
        self.parts = collections.Counter()  # (phase, step, call, part)
        self.sent = 0.0                     # bytes over the network, all ranks

    def add(self, group, part, seconds):
        if seconds:
            self.parts[(group.phase, group.step, group.call, part)] += seconds

    @property
    def seconds(self):
        return sum(self.parts.values())

    def by(self, *fields):
        """Summed over the other fields: 0 phase, 1 step, 2 call, 3 part."""
        sums = collections.Counter()
        for key, seconds in self.parts.items():
            sums[tuple(key[field] for field in fields)] += seconds
        return sums


def predict(workload, ranks, factor, network, speed=1.0, design=DESIGNS[0]):
    """A run of a graph `factor` times as large as the recorded one."""
    result = Prediction(ranks)
    for group in workload.groups:
        steps = group.steps * (design.rounds if group.call != "none" else 1.0)
        if group.iteration == 0:
            result.add(group, "work", group.before_seconds / speed)
        else:
            counted = group.seconds(ranks) * factor / ranks / speed
            result.add(group, "work", counted + group.uncounted * factor / ranks / speed)
            result.add(group, "idle steps", steps * workload.overhead(ranks) / speed)
            if not design.balanced:
                result.add(group, "imbalance", counted * group.balance(ranks, factor))
        if group.call == "alltoall" and (design.empty or (group.phase, group.step) in workload.carrying):
            sent = group.bytes(ranks) * factor
            result.sent += sent
            excess = 0.0 if design.balanced else group.byte_balance(ranks, factor)
            busiest = sent / ranks / steps * (1 + excess)
            for part, seconds in network.exchange(ranks, design.exchange, busiest, group.peers(ranks, factor)).items():
                result.add(group, part, steps * seconds)
        elif group.call == "reduce" and not design.fused:
            result.add(group, "reduction", steps * network.all_reduce(ranks, group.largest))
        elif group.call == "gather":
            total = group.gathered / max(1, group.steps)
            result.add(group, "gather", steps * network.all_gather(ranks, group.largest, total))
    return result


def efficiency(base, ranks, seconds):
    """`base`: (ranks, seconds) of what it is compared with."""
    return base[0] * base[1] / (ranks * seconds)


def first_below_half(points):
    """The number of ranks at which the efficiency crosses one half, between the points (log-linear); None: nowhere."""
    before = None
    for ranks, value in points:
        if value < 0.5:
            if before is None:
                return ranks
            share = (before[1] - 0.5) / (before[1] - value)
            return round(before[0] * (ranks / before[0]) ** share)
        before = (ranks, value)
    return None


def name_of(phase, step=None):
    phase = phase or "between phases"
    return phase if step is None else f"{phase}: {step or 'rest'}"


def print_table(workload, ranks, factor, network, speed, out):
    alone = workload.alone_seconds(factor)
    one = alone / speed if alone else None
    predictions = [predict(workload, p, factor, network, speed) for p in ranks]
    base = predictions[0]
    print(f"{'ranks':>6} {'seconds':>9} {'eff./1':>7} {f'eff./{base.ranks}':>8} {'GB sent':>8}  share of the time",
          file=out)
    for p in predictions:
        alone = f"{100 * efficiency((1, one), p.ranks, p.seconds):6.1f}%" if one else "      -"
        parts = p.by(3)
        network_seconds = sum(v for (part,), v in parts.items() if part not in ("work", "imbalance", "idle steps"))
        total = p.seconds
        print(f"{p.ranks:6} {total:9.4f} {alone} {100 * efficiency((base.ranks, base.seconds), p.ranks, total):7.1f}% "
              f"{p.sent / 1e9:8.2f}  work {100 * parts[('work',)] / total:.0f}%, imbalance "
              f"{100 * parts[('imbalance',)] / total:.0f}%, idle steps {100 * parts[('idle steps',)] / total:.0f}%, "
              f"network {100 * network_seconds / total:.0f}%", file=out)
    return one, predictions


def print_blame(prediction, base, out):
    """What takes more than its share: seconds beyond those of perfect scaling, by phase, then by step and part."""
    ideal = base.seconds * base.ranks / prediction.ranks
    lost = prediction.seconds - ideal
    print(f"at {prediction.ranks} ranks {lost:.4f} s of {prediction.seconds:.4f} s are lost against {base.ranks} "
          "ranks:", file=out)
    share = base.ranks / prediction.ranks
    for fields in ((0,), (0, 1, 2, 3)):
        before = base.by(*fields)
        losses = collections.Counter({key: seconds - before[key] * share
                                      for key, seconds in prediction.by(*fields).items()})
        for key, seconds in losses.most_common(3 if len(fields) == 1 else 6):
            if seconds < 0.02 * lost:
                break
            what = name_of(key[0]) if len(key) == 1 else f"{name_of(key[0], key[1])}, {key[2]}, {key[3]}"
            print(f"  {100 * seconds / lost:4.0f}% {seconds:.4f} s  {what}", file=out)


def threshold(workload, ranks, factor, network, speed, design, base):
    points = [(p, efficiency(base, p, predict(workload, p, factor, network, speed, design).seconds)) for p in ranks]
    return first_below_half(points)


def report(workload, arguments, network, out):
    """Everything that is printed for one size of graph. Returns the ranks at which scaling falls below one half."""
    factor = arguments.enodes / workload.enodes if arguments.enodes else 1.0
    ranks = arguments.ranks
    print(f"{workload.enodes * factor:,.0f} e-nodes ({factor:.3g} times the recorded {workload.enodes:,}); recorded on "
          f"{', '.join(str(p) for p in sorted(workload.records))} ranks", file=out)
    one, predictions = print_table(workload, ranks, factor, network, arguments.speed, out)
    base = (predictions[0].ranks, predictions[0].seconds)
    if one:
        against_one = first_below_half([(p.ranks, efficiency((1, one), p.ranks, p.seconds)) for p in predictions])
        work = predictions[0].by(3)[("work",)] * predictions[0].ranks
        print(f"against one rank, efficiency is below 50 % from {against_one or f'beyond {ranks[-1]}'} ranks on; "
              f"{predictions[0].ranks} ranks do {work / one:.2f} times the work of one", file=out)
    found = threshold(workload, ranks, factor, network, arguments.speed, DESIGNS[0], base)
    print(f"against {base[0]} ranks, it falls below 50 % at {found or f'more than {ranks[-1]}'} ranks", file=out)
    if found:
        at = next(p for p in predictions if p.ranks >= found)
        print_blame(at, predictions[0], out)
    print("redesigns: ranks at which efficiency falls below 50 %, and time at the most ranks", file=out)
    most = ranks[-1]
    now = predictions[-1].seconds
    for design in DESIGNS:
        where = threshold(workload, ranks, factor, network, arguments.speed, design, base)
        seconds = predict(workload, most, factor, network, arguments.speed, design).seconds
        print(f"  {design.name:34} {where or f'> {most}':>7}  {seconds:.4f} s at {most} ({now / seconds:.2f}x)",
              file=out)
    return found


def replay(record, network, cores=None, switch=0.0):
    """A record as it was made, without extrapolation: the longest rank of every step and the network; ranks beyond the
    cores share them, and every rank is switched to once in a collective call."""
    total = 0.0
    for step in record.steps:
        work = max(step.seconds)
        if cores and record.ranks > cores:
            work = max(work, sum(step.seconds) / cores)
        total += work
        if step.call == "alltoall":
            size = max(max(step.sent), max(step.received))
            peers = max(max(step.messages_sent), max(step.messages_received))
            total += sum(network.exchange(record.ranks, "program", size, peers).values())
        elif step.call == "reduce":
            total += network.all_reduce(record.ranks, step.largest)
        elif step.call == "gather":
            total += network.all_gather(record.ranks, step.largest, step.gathered)
        if cores and record.ranks > cores and step.call != "none":
            total += switch * record.ranks / cores
    return total


def count_list(text):
    ranks = [int(part) for part in text.split(",")]
    if any(p < 2 for p in ranks) or ranks != sorted(set(ranks)):
        raise argparse.ArgumentTypeError(f"found '{text}', expected ascending numbers from 2, like 2,4,8")
    return ranks


def count(text):
    scale = {"k": 10**3, "M": 10**6, "G": 10**9}.get(text[-1:], 1)
    return float(text if scale == 1 else text[:-1]) * scale


def parser():
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("records", nargs="+", metavar="RECORD")
    result.add_argument("--enodes", type=count, help="size of the graph to predict, e.g. 100M (default: the recorded)")
    result.add_argument("--ranks", type=count_list, default=count_list(DEFAULT_RANKS), help="default " + DEFAULT_RANKS)
    result.add_argument("--phases", default=",".join(PHASES),
                        help="phases to count, comma-separated; the empty name is what lies between (default: those of "
                             "an iteration)")
    result.add_argument("--hubs", choices=("bounded", "unbounded"), default="bounded",
                        help="whether classes referred to by more ranks than were recorded are taken to be referred to "
                             "by all")
    result.add_argument("--speed", type=float, default=1.0,
                        help="of a rank, in units of a core of the recording machine (threads included)")
    result.add_argument("--ranks-per-port", type=int, default=1, help="ranks that share a network port (default 1)")
    network = loggp.Network()
    for name, scale, unit in (("L", 1e6, "us"), ("o", 1e6, "us"), ("g", 1e6, "us"), ("G", 1e9, "ns/byte"),
                              ("ack", 1e6, "us"),
                              ("copy", 1e9, "ns/byte"), ("peer", 1e9, "ns/rank")):
        default = getattr(network, name) * scale
        result.add_argument(f"--{name}", type=float, default=default, metavar=unit.split("/", maxsplit=1)[0],
                            help=f"LogGP's {name}, {unit} (default {default:g})" if len(name) == 1
                            else f"{name}, {unit} (default {default:g})")
    return result


def network_of(arguments):
    network = loggp.Network(L=arguments.L * 1e-6, o=arguments.o * 1e-6, g=arguments.g * 1e-6, G=arguments.G * 1e-9,
                            ack=arguments.ack * 1e-6, copy=arguments.copy * 1e-9, peer=arguments.peer * 1e-9)
    return network.with_ranks_per_port(arguments.ranks_per_port)


def main(argv=None):
    arguments = parser().parse_args(argv)
    try:
        records = [read_record(path, set(arguments.phases.split(","))) for path in arguments.records]
        keys = {record.key for record in records}
        if len(keys) > 1:
            raise RecordError(f"found records of different runs ({keys}), expected one run on several numbers of ranks")
        workload = Workload(records, arguments.hubs)
    except (OSError, RecordError, ValueError) as error:
        print(f"model.py: {error}", file=sys.stderr)
        return 2
    report(workload, arguments, network_of(arguments), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
