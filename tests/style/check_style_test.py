#!/usr/bin/env python3
"""Tests of check_style.py: each fault is found, and what is in order is left alone."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check_style  # noqa: E402


def faults(path, text):
    return [what for _, what in check_style.faults_of(pathlib.PurePath(path), text)]


HEADER = "// A thing.\n#pragma once\n"


class StyleTest(unittest.TestCase):
    def assert_fault(self, path, text, part):
        found = faults(path, text)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def test_good_files(self):
        self.assertEqual(faults("engine/a.hpp", HEADER + '#include <vector>\n#include "engine/base/ids.hpp"\n'), [])
        includes = '#include <mpi.h>\n#include "engine/b.hpp"\n#include "io/c.hpp"\n'
        self.assertEqual(faults("cluster/a.cpp", includes), [])
        self.assertEqual(faults("tests/io/a_test.cpp", '#include "cluster/options.hpp"\n'), [])
        self.assertEqual(faults("README.md", "x" * 300 + "\n"), [])

    def test_headers(self):
        self.assert_fault("engine/a.hpp", "// A thing.\n", "#pragma once")
        self.assert_fault("engine/a.hpp", "#pragma once\n// A thing.\n", "opens with a comment")

    def test_order_of_folders(self):
        for here, other in [("engine", "partition"), ("engine", "io"), ("partition", "cluster"), ("io", "cluster"),
                            ("cluster", "tests")]:
            self.assert_fault(f"{here}/a.cpp", f'#include "{other}/b.hpp"\n', "order of dependence")
        self.assert_fault("partition/a.cpp", "#include <mpi.h>\n", "only cluster/ knows MPI")
        self.assert_fault("engine/a.cpp", '#include "ids.hpp"\n', "by its path from the root")
        self.assert_fault("engine/a.cpp", '#include "../io/ids.hpp"\n', "by its path from the root")

    def test_lines(self):
        self.assert_fault("engine/a.cpp", "\tint x;\n", "tab")
        self.assert_fault("engine/a.cpp", "int x; \n", "spaces at the end")
        self.assert_fault("engine/a.cpp", "// " + "x" * 118 + "\n", "121 characters")
        self.assertEqual(faults("engine/a.cpp", "// " + "x" * 117 + "\n"), [])
        self.assert_fault("engine/a.cpp", "int x;", "no newline")
        self.assert_fault("engine/a.cpp", "// TO" + "DO: more\n", "unfinished")

    def test_length(self):
        self.assertEqual(faults("engine/a.cpp", "int x;\n" * 600), [])
        self.assert_fault("engine/a.cpp", "int x;\n" * 601, "601 lines")


if __name__ == "__main__":
    unittest.main()
