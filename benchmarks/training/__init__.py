"""Training measured: this package beside PyTorch, stock Chainer and the arithmetic limit."""
