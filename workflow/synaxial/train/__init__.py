"""Stage `train`: a generator from the dataset, by Chainer under MPI."""

from synaxial.train.leftovers import remove_leftovers
from synaxial.train.network import choose_network

# Before anything here imports ChainerMN, which starts MPI.
remove_leftovers()
choose_network()
