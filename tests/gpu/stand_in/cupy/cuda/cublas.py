"""Chainer imports `cupy.cuda.cublas`; nothing of it is used.

STAND_IN_LIBRARIES=none makes it what CuPy has without CUDA's libraries.
"""

import os

if os.environ.get("STAND_IN_LIBRARIES") == "none":
    raise ImportError('Failure finding "libcublasLt.so.13 or libcublasLt.so.12": No such file\n')
