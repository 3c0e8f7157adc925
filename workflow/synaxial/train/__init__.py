"""Stage `train`: a generator from the dataset, by Chainer under MPI."""
