"""Chainer imports `cupy.cuda.cublas`; nothing of it is used."""
