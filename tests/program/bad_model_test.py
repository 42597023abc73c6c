#!/usr/bin/env python3
"""Models that cannot be searched: exit code 2 and one message with the place, what was found and what was expected."""

import pathlib
import unittest

from program_support import RELAY_MODEL, ProgramTest, main, needs_relay_model, place

HEADER = '#[version = "0.0.5"]\n'
SIGNATURE = "def @main(%x: Tensor[(1, 8, 4, 4), float32], %w: Tensor[(8, {}, 1, 1), float32]) {{\n"
DEEP = 10_000_000


class BadModel(ProgramTest):
    def refuse(self, name, text, *patterns):
        self.write(name, text)
        self.expect_refused_alone_and_on_two_ranks(["search", name], *patterns)

    def test_empty_relay(self):
        self.refuse("empty.relay", "", place("empty.relay", 1, 1), "empty", "expected a Relay module")

    def test_empty_glenside(self):
        self.refuse("empty.glenside", "", place("empty.glenside", 1, 1), "empty", "expected")

    def test_truncated_relay(self):
        text = HEADER + SIGNATURE.format(8) + "  %0 = nn.conv2d(%x, %w, channels=8, kernel_"
        self.refuse("cut.relay", text, r"cut\.relay:3:\d+:", "expected", "found the end of the file")

    def test_cycle_in_relay(self):
        text = HEADER + SIGNATURE.format(8) + "  %0 = nn.relu(%1);\n  %1 = nn.relu(%0);\n  %1\n}\n"
        self.refuse("cycle.relay", text, place("cycle.relay", 3, 16), "cycle", "%0", "%1", "expected")

    def test_cycle_in_glenside(self):
        text = "(tensor x (shape 4) float32)\n(let ((a (compute relu b))\n      (b (compute relu a)))\n  b)\n"
        self.refuse("cycle.glenside", text, place("cycle.glenside", 2, 24), "'b'", "not declared", "expected")

    def test_undeclared_tensor_in_relay(self):
        text = HEADER + SIGNATURE.format(8) + "  nn.conv2d(%x, %weight, channels=8, kernel_size=[1, 1])\n}\n"
        self.refuse("undeclared.relay", text, place("undeclared.relay", 3, 17), "%weight", "not declared", "expected")

    def test_undeclared_tensor_in_glenside(self):
        text = ("(tensor x (shape 4 4) float32)\n(compute dot-product\n"
                "  (access-cartesian-product (access (access-tensor x) 1) (access (access-tensor w) 1)))\n")
        self.refuse("undeclared.glenside", text, place("undeclared.glenside", 3, 66), "'w'", "not declared", "expected")

    def test_mismatched_shapes_in_relay(self):
        text = HEADER + SIGNATURE.format(9) + "  nn.conv2d(%x, %w, channels=8, kernel_size=[1, 1])\n}\n"
        self.refuse("mismatch.relay", text, place("mismatch.relay", 3, 3), r"nn\.conv2d", r"expected .*\(8, 8, 1, 1\)",
                    r"found \(8, 9, 1, 1\)")

    def test_mismatched_shapes_in_glenside(self):
        text = ("(tensor x (shape 4 4) float32)\n(tensor w (shape 4 5) float32)\n(compute dot-product\n"
                "  (access-cartesian-product (access (access-tensor x) 1) (access (access-tensor w) 1)))\n")
        self.refuse("mismatch.glenside", text, place("mismatch.glenside", 4, 3), "access-cartesian-product",
                    r"\[4\] and \[5\]", "expected equal")

    def test_unknown_operator(self):
        text = HEADER + SIGNATURE.format(8) + "  nn.conv2e(%x, %w)\n}\n"
        self.refuse("unknown.relay", text, place("unknown.relay", 3, 3), "nn.conv2e")

    def test_no_layers(self):
        text = HEADER + "def @main(%x: Tensor[(1, 8), float32]) {\n  nn.relu(%x)\n}\n"
        self.refuse("relu.relay", text, "relu.relay", "no convolution and no dense layer")

    def test_parentheses(self):
        for name in ("deep.relay", "deep.glenside"):
            self.refuse(name, "(" * DEEP, rf"{name}:1:\d+:")

    def test_balanced_parentheses(self):
        nested = "(" * (DEEP // 2) + ")" * (DEEP // 2)
        self.refuse("nested.glenside", nested, r"nested\.glenside:1:\d+:", "nested more than")
        text = HEADER + SIGNATURE.format(8) + "  %0 = " + "(" * (DEEP // 2) + "%x" + ")" * (DEEP // 2) + ";\n  %0\n}\n"
        self.refuse("nested.relay", text, r"nested\.relay:3:\d+:", "nested deeper than")

    def test_binary(self):
        path = self.folder / "binary.relay"
        path.write_bytes(bytes(range(256)) * 1000)
        self.expect_refused_alone_and_on_two_ranks(["search", path.name], r"binary\.relay:1:\d+:")

    def test_unknown_model(self):
        self.expect_refused_alone_and_on_two_ranks(["search", "mobilenet-v7"], "unknown model 'mobilenet-v7'",
                                                   "expected", r"mobilenet-v1\[", r"\.relay")

    def test_missing_file(self):
        self.expect_refused_alone_and_on_two_ranks(["search", "missing.relay"], "missing.relay", "No such file")

    def test_folder_as_model(self):
        pathlib.Path(self.folder / "folder.relay").mkdir()
        self.expect_refused_alone_and_on_two_ranks(["search", "folder.relay"], "folder.relay")


@needs_relay_model
class CutModel(ProgramTest):
    """The real model, cut short at many places."""

    def test_truncated_anywhere(self):
        text = RELAY_MODEL.read_text(encoding="utf-8").rstrip()
        for part in range(1, 20):
            self.write("cut.relay", text[:len(text) * part // 20])
            self.expect_refused(self.run_tessera("search", "cut.relay"), r"cut\.relay:\d+:\d+:", "expected|found")
        self.expect_refused(self.run_tessera("search", "cut.relay", ranks=2), r"cut\.relay:\d+:\d+:")


if __name__ == "__main__":
    main()
