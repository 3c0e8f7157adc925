"""Features: an image as a vector, for the metrics that compare distributions.

`efficientnet` is a network trained on the photographs of ImageNet. `wavelets` has no trained part,
so it shows how much of a result depends on the network. `judge` is a small network trained on
slices of the study.
"""
