"""What to say if there is no GPU, in one place. It imports neither Chainer nor CuPy."""

import importlib.util

#: What to install.
INSTALL = "install envs/cuda12.txt or envs/cuda13.txt, as your driver needs"

NO_CUPY = "CuPy is not installed"
NO_LIBRARIES = "CuPy cannot load its CUDA libraries"
NO_GPU = "CuPy finds no NVIDIA driver or no GPU here"
#: What to do without a driver or a GPU.
SEE = "use a node with a GPU that `nvidia-smi` shows"


def has_cupy() -> bool:
    """Return whether CuPy is installed, without importing it."""
    return importlib.util.find_spec("cupy") is not None
