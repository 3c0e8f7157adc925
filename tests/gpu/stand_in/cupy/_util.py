"""What Chainer imports from CuPy's private module."""


class PerformanceWarning(RuntimeWarning):
    pass
