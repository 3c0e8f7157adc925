"""Compiled functions where a cache can be kept and where none can."""

import os
import subprocess
import sys

CODE = """
import numpy as np
import sys
from synaxial.compute.compiled import compiled
source = '''
def double(x):
    for k in range(len(x)):
        x[k] *= 2
'''
# A function of no file: there is no place beside its source, nor one named after it.
names = {}
exec(compile(source, "of no file", "exec"), names)
double = compiled(names["double"])
x = np.arange(4, dtype=np.float32)
double(x)
print(x.tolist(), double.stats.cache_path)
"""

WITHOUT_CACHE = """
import numpy as np
from synaxial.gan.ops.layout import take_patches
x = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
patches = np.empty((1, 1, 1, 2, 2, 1), np.float32)
take_patches(x, 1, 0, 0, patches)
print(patches.ravel().tolist())
"""


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_without_a_place_for_a_cache_it_still_compiles():
    done = run(CODE)
    assert (done.returncode, done.stdout) == (0, "[0.0, 2.0, 4.0, 6.0] None\n"), done.stderr


def test_a_named_place_that_cannot_be_written_to():
    done = run(WITHOUT_CACHE, NUMBA_CACHE_DIR="/dev/null/cache")
    assert (done.returncode, done.stdout) == (0, "[0.0, 1.0, 2.0, 3.0]\n"), done.stderr


def test_a_cache_is_kept_in_the_named_place(tmp_path):
    done = run(WITHOUT_CACHE, NUMBA_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("layout.take_patches-*.nbi"))
