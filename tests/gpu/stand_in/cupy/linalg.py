"""`cupy.linalg` of the stand-in."""

import numpy as np

from cupy._arrays import forwarded
from cupy._names import look_up, refuse


def __getattr__(name):
    look_up("cupy.linalg", name)
    found = getattr(np.linalg, name, None)
    return refuse("cupy.linalg", name) if found is None else forwarded("cupy.linalg", name, found)
