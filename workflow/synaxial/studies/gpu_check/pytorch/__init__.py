"""The other side of comparisons. Its folder has no other module: it can be in `PYTHONPATH`."""
