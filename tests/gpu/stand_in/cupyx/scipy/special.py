"""Chainer imports `cupyx.scipy.special`; nothing of it is used."""

from cupy._names import refuse


def __getattr__(name):
    return refuse("cupyx.scipy.special", name)
