"""What the code computes with: cores, compiled loops, devices, and Chainer on today's stack."""
