"""Stage `train`: a generator from the dataset, by Chainer under MPI."""

from synaxial.train.leftovers import remove_leftovers

# Before anything here imports ChainerMN, which starts MPI.
remove_leftovers()
