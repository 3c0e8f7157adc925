"""Commands start quickly: they import no library that they do not need."""

import importlib.util
import os
import subprocess
import sys

import pytest

from synaxial.cli import COMMANDS

#: Libraries that take long to import, beside what a small command needs.
SLOW = "chainer cupy joblib matplotlib mpi4py numba nibabel pandas pydicom scipy skimage sklearn"
SMALL = ("data slice", "data resize", "data mask", "data pack", "data pack-masks", "report")

#: What commands with a network need of these. Importing mpi4py would start MPI, too. From the
#: command line to one image of a `modern` generator, `sample` takes 0.95 s on an AMD EPYC.
OF_NETWORKS = {"chainer", "cupy", "joblib", "numba"}

#: CuPy uses SciPy, so where it is installed SciPy is imported.
WITH_CUPY = importlib.util.find_spec("cupy") is not None
if WITH_CUPY:
    OF_NETWORKS.add("scipy")


def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, which must succeed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        *((command, set[str]()) for command in SMALL),
        *(("sample", OF_NETWORKS), ("upsampler apply", OF_NETWORKS)),
    ],
)
def test_a_command_imports_no_slow_library_that_it_does_not_need(
    command: str, needed: set[str]
) -> None:
    done = run(f"import sys, synaxial.cli, {COMMANDS[command]}; print(*sys.modules)")
    assert set(SLOW.split()) & set(done.stdout.split()) <= needed


@pytest.mark.skipif(WITH_CUPY, reason="CuPy is installed, which uses SciPy")
def test_compiled_code_imports_no_scipy() -> None:
    """Numba would import it at the first call."""
    run(
        "import sys, numpy as np\n"
        "from synaxial.gan.ops.noise import gaussian, state_of\n"
        "gaussian(state_of(np.random.SFC64(1)), 2)\n"
        "assert 'numba.np.arraymath' in sys.modules and 'scipy' not in sys.modules\n"
        "import scipy.linalg"
    )


def test_without_a_home_folder_no_library_complains() -> None:
    code = (
        "import sys, runpy; sys.argv[1:] = ['check', '--help']\n"
        "try: runpy.run_module('synaxial', run_name='__main__')\n"
        "except SystemExit: import matplotlib.pyplot"
    )
    # A folder that nobody can make.
    assert run(code, HOME="/proc/none").stderr == ""
