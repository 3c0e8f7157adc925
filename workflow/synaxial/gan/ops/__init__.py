"""The engine: the functions in which a training on CPUs spends its time.

They have Chainer's shapes and its results up to rounding, can be differentiated any number of
times, and give the same bytes on any number of threads. On a GPU, Chainer's own functions are used,
with the same signatures. docs/engine.md explains what makes them fast.
"""
