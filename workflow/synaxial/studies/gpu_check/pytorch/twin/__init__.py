"""The same networks, iteration and sampling in PyTorch.

It imports nothing of Synaxial, so that the benchmarks can run it as a program in an environment of
its own. Parameters are named as Chainer names them.
"""
