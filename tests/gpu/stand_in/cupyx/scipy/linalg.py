"""Chainer imports `cupyx.scipy.linalg`; nothing of it is used."""

from cupy._names import refuse


def __getattr__(name):
    return refuse("cupyx.scipy.linalg", name)
