"""Stage `train`: a generator from the dataset, by Chainer under MPI."""

from synaxial.gan.train.leftovers import remove_leftovers
from synaxial.gan.train.mpi_fabric import choose_network

# Before anything here imports ChainerMN, which starts MPI.
remove_leftovers()
choose_network()
