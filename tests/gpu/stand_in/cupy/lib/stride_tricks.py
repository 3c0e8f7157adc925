"""`cupy.lib.stride_tricks` of the stand-in."""

import numpy as np

from cupy._arrays import forwarded

as_strided = forwarded("cupy.lib.stride_tricks", "as_strided", np.lib.stride_tricks.as_strided)
