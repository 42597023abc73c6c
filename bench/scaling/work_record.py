"""Reads work records (io/WORK_RECORD_FORMAT.md) and sums them up by kind of step.

A Group is all steps of one iteration with the same phase, name and call: what the model fits and replays. Its seconds
are the measured ones; how they are divided among ranks is told by counts, which repeat exactly, put into seconds by
rates (seconds per unit and per byte) that are fitted to all records of a run.
"""

import json
import math

UNITS = ("visited", "partials", "asked", "requests", "rekeyed", "unions", "losers")
SIZES = ("enodes", "eclasses", "table_bytes")
FEATURES = len(UNITS) + 2  # units, bytes received by the exchange before, bytes sent by this one
FORMAT_VERSION = 1


class RecordError(Exception):
    """A file that is no work record: names the file and the line."""


class Step:
    """One step of all ranks: seconds, counted work, and for an all-to-all the bytes between ranks."""

    def __init__(self, data, ranks, seconds_key):
        self.iteration = data["iteration"]
        self.phase = data["phase"]
        self.name = data["step"]
        self.call = data["call"]
        self.seconds = [ns * 1e-9 for ns in data[seconds_key]]
        self.wall_seconds = [ns * 1e-9 for ns in data["wall_ns"]]
        self.call_seconds = [ns * 1e-9 for ns in data["call_ns"]]
        self.work = data["work"]
        matrix = data.get("bytes", [])
        self.sent = [0] * ranks      # to other ranks
        self.written = [0] * ranks   # to all, itself included
        self.read = [0] * ranks
        self.received = [0] * ranks
        self.messages_sent = [0] * ranks
        self.messages_received = [0] * ranks
        self.largest = 0  # bytes of the array that is reduced, or that one rank gives to a gather
        if self.call == "alltoall":
            for source, row in enumerate(matrix):
                self.written[source] = sum(row)
                for destination, size in enumerate(row):
                    self.read[destination] += size
                    if destination == source or size == 0:
                        continue
                    self.sent[source] += size
                    self.received[destination] += size
                    self.messages_sent[source] += 1
                    self.messages_received[destination] += 1
        elif matrix:
            self.largest = max(matrix)
            self.gathered = sum(matrix)
        for values in (self.seconds, self.wall_seconds, self.call_seconds, *self.work.values()):
            if len(values) != ranks:
                raise ValueError(f"found {len(values)} entries, expected one for each of {ranks} ranks")


class Record:
    """A recorded run."""

    def __init__(self, path, header, steps):
        self.path = path
        self.header = header
        self.ranks = header["ranks"]
        self.steps = steps
        last = {size: 0 for size in SIZES}
        for step in steps:
            for size in SIZES:
                if size in step.work:
                    last[size] = sum(step.work[size])
        self.enodes = last["enodes"]
        self.eclasses = last["eclasses"]
        self.seconds = sum(sum(step.seconds) for step in steps)  # of work, over all ranks

    @property
    def key(self):
        """What was run: records with one key differ in their ranks only."""
        return self.header.get("command", ""), self.header.get("input", ""), self.enodes


def read_record(path, phases=None):
    """Reads a record; `phases`: only these. Times are processor times if every rank has one thread, else wall times."""
    steps = []
    with open(path, encoding="utf-8") as file:
        number = 0
        try:
            for number, line in enumerate(file, start=1):
                data = json.loads(line)
                if number == 1:
                    header = data
                    if header.get("tessera_work_record") != FORMAT_VERSION:
                        raise ValueError(f"found no work record of format {FORMAT_VERSION}")
                    seconds_key = "work_ns" if header.get("threads", "1") == "1" else "wall_ns"
                    continue
                if phases is None or data["phase"] in phases:
                    steps.append(Step(data, header["ranks"], seconds_key))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RecordError(f"{path}:{number}: {error}; expected a line of io/WORK_RECORD_FORMAT.md") from error
    if not steps:
        raise RecordError(f"{path}: found no steps, expected a work record")
    return Record(path, header, steps)


def nonnegative_least_squares(rows, targets, weights=None, rounds=400):
    """Coefficients c >= 0 that minimize sum of weight * (row . c - target)^2, by coordinate descent."""
    count = len(rows[0])
    matrix = [[0.0] * count for _ in range(count)]
    vector = [0.0] * count
    for at, row in enumerate(rows):
        weight = weights[at] if weights else 1.0
        for i, a in enumerate(row):
            if a == 0:
                continue
            vector[i] += weight * a * targets[at]
            for j, b in enumerate(row):
                matrix[i][j] += weight * a * b
    return solve_nonnegative(matrix, vector, rounds)


def solve_nonnegative(matrix, vector, rounds=400):
    """As above, from the normal equations."""
    count = len(vector)
    result = [0.0] * count
    for _ in range(rounds):
        moved = 0.0
        for i in range(count):
            if matrix[i][i] <= 0:
                continue
            rest = sum(matrix[i][j] * result[j] for j in range(count) if j != i)
            new = max(0.0, (vector[i] - rest) / matrix[i][i])
            moved = max(moved, abs(new - result[i]) * math.sqrt(matrix[i][i]))
            result[i] = new
        if moved < 1e-12:
            break
    return result


def features(step, read_before, rank):
    """What a rank's seconds before a call are explained by."""
    units = [step.work[unit][rank] if unit in step.work else 0 for unit in UNITS]
    return units + [read_before[rank], step.written[rank]]


def rows_of(record):
    """(step, features of each rank), step by step."""
    before = [0] * record.ranks
    for step in record.steps:
        yield step, [features(step, before, rank) for rank in range(record.ranks)]
        before = step.read if step.call == "alltoall" else [0] * record.ranks


class Rates:
    """Seconds per unit and per byte, by phase and step, from all records of a run together. The same work on more ranks
    is more and smaller numbers, whose squares would count for less: each record counts times its ranks."""

    def __init__(self, records):
        self.rate = {}
        sums = [self._normal_equations(record) for record in records]
        for key in dict.fromkeys(key for of_record in sums for key in of_record):
            parts = [(of_record[key], record.ranks) for of_record, record in zip(sums, records) if key in of_record]
            matrix = [[sum(ranks * part[0][i][j] for part, ranks in parts) for j in range(FEATURES)]
                      for i in range(FEATURES)]
            vector = [sum(ranks * part[1][i] for part, ranks in parts) for i in range(FEATURES)]
            self.rate[key] = solve_nonnegative(matrix, vector)

    @staticmethod
    def _normal_equations(record):
        """{(phase, step): (matrix, vector)}; only of rows that have features."""
        sums = {}
        for step, rows in rows_of(record):
            key = (step.phase, step.name)
            for row, seconds in zip(rows, step.seconds):
                used = [i for i, value in enumerate(row) if value]
                if not used:
                    continue
                part = sums.get(key)
                if part is None:
                    part = sums[key] = ([[0.0] * FEATURES for _ in range(FEATURES)], [0.0] * FEATURES)
                for i in used:
                    part[1][i] += row[i] * seconds
                    for j in used:
                        part[0][i][j] += row[i] * row[j]
        return sums

    def loads(self, step, rows):
        """Seconds of each rank by counts; None if nothing was counted in this step."""
        rate = self.rate.get((step.phase, step.name))
        if rate is None or not any(map(any, rows)):
            return None
        return [sum(a * b for a, b in zip(rate, row)) for row in rows]


class Group:
    """Sums over the steps of one iteration that have one phase, name and call."""

    def __init__(self, key):
        self.key = key  # iteration, phase, step, call
        self.steps = 0
        self.counted_steps = 0   # in which something was counted
        self.seconds = 0.0       # over ranks, of those, measured
        self.loads = 0.0         # over ranks, by counts and rates
        self.longest = 0.0       # sum over steps of the most loaded rank's seconds, by counts and rates
        self.uncounted = 0.0     # over ranks: measured seconds of steps in which nothing was counted
        self.call_seconds = 0.0  # over ranks
        self.bytes = 0           # over ranks, to other ranks
        self.messages = 0        # over ranks
        self.busiest_bytes = 0   # sum over steps of the most that a rank sends or receives
        self.largest = 0         # sum over steps of Step.largest
        self.gathered = 0        # sum over steps of what all ranks give to a gather

    def excess(self, ranks):
        """How much longer the most loaded rank works than the mean: max / mean - 1."""
        return self.longest * ranks / self.loads - 1 if self.loads > 0 else 0.0


def groups_of(record, rates):
    """The record's groups, in order of first appearance."""
    groups = {}
    for step, rows in rows_of(record):
        key = (step.iteration, step.phase, step.name, step.call)
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(key)
        group.steps += 1
        group.call_seconds += sum(step.call_seconds)
        if step.call == "alltoall":
            group.bytes += sum(step.sent)
            group.messages += sum(step.messages_sent)
            group.busiest_bytes += max(max(step.sent), max(step.received))
        elif step.call != "none":
            group.largest += step.largest
            group.gathered += step.gathered
        loads = rates.loads(step, rows) if rates else None
        if loads:
            group.counted_steps += 1
            group.seconds += sum(step.seconds)
            group.loads += sum(loads)
            group.longest += max(loads)
        else:
            group.uncounted += sum(step.seconds)
    return groups
