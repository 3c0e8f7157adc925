"""Files and functions are no longer than a reader can follow, and tests lie where they are said."""

import ast
from pathlib import Path

import synaxial

from ..conftest import LONGEST_FIRST, ROOT

FILES = sorted(Path(synaxial.__file__).parent.rglob("*.py"))

LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def test_no_file_is_too_long():
    lengths = {path.name: len(path.read_text().splitlines()) for path in FILES}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_function_is_too_long():
    lengths = {
        f"{path.name}: {node.name}": node.end_lineno - node.lineno + 1
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST_FUNCTION} == {}


def test_the_longest_tests_are_there():
    assert [name for name in LONGEST_FIRST if not (ROOT / name).exists()] == []
