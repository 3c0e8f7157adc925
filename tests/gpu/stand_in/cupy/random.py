"""`cupy.random` of the stand-in: the interface is CuPy's, the numbers are NumPy's."""

import numpy as np

from cupy._arrays import wrap
from cupy._names import check_arguments, look_up, refuse


class XORWOW:
    """A bit generator by this name; NumPy's SFC64."""

    def __init__(self, seed=None, *, size=-1):
        self.bits = np.random.SFC64(seed)


class Generator:
    """A generator on the device."""

    def __init__(self, bit_generator):
        self.numbers = np.random.Generator(bit_generator.bits)

    def __getattr__(self, name):
        look_up("cupy.random.Generator", name)

        def draw(*args, **kwargs):
            check_arguments("cupy.random.Generator", name, args, kwargs)
            return wrap(np.asarray(getattr(self.numbers, name)(*args, **kwargs)))

        return draw


def __getattr__(name):
    return refuse("cupy.random", name)
