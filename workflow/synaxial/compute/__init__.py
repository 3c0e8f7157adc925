"""Cores, compiled loops, devices, and Chainer on today's libraries."""
