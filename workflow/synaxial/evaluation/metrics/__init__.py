"""The metrics: numbers that compare a set of images with a reference set.

A metric of images has two steps. `measure` turns images into arrays with one row per image.
`compare` turns the rows of two sets into numbers. A metric of features has `prepare`, which takes
the features of two sets. Every metric takes weights of the images, `p` of the generated and `q` of
the reference set, so that `intervals.py` can resample the sets without measuring again. Images or
sets that a metric cannot measure or compare raise a ValueError.
"""
