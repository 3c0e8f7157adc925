"""The small commands start quickly: they import no library that they do not need."""

import os
import subprocess
import sys

import pytest

from synaxial.cli import COMMANDS

#: Libraries that take long to import, beside what a small command needs.
SLOW = "chainer cupy joblib matplotlib mpi4py numba nibabel pandas pydicom scipy skimage sklearn"


@pytest.mark.parametrize(
    "command", ["data slice", "data resize", "data mask", "data pack", "data pack-masks", "report"]
)
def test_a_small_command_imports_no_slow_library(command: str) -> None:
    code = f"import sys, synaxial.cli, {COMMANDS[command]}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert not set(SLOW.split()) & set(done.stdout.split())


def test_without_a_home_folder_no_library_complains() -> None:
    code = (
        "import sys, runpy; sys.argv[1:] = ['check', '--help']\n"
        "try: runpy.run_module('synaxial', run_name='__main__')\n"
        "except SystemExit: import matplotlib.pyplot"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        # A folder that nobody can make.
        env={**os.environ, "HOME": "/proc/none"},
    )
    assert done.stderr == ""
