"""Stage `train`: a generator from the data set, with Chainer under MPI."""

from synaxial.gan.train.mpi_fabric import choose_fabric, remove_stale_memory

# Both must come before ChainerMN is imported, which starts MPI.
remove_stale_memory()
choose_fabric()
