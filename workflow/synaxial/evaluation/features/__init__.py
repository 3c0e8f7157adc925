"""Features: what an image looks like as a vector, for the metrics of distributions.

`efficientnet` is a network trained on ImageNet's photographs. `wavelets` has no trained part: it
shows how much of a result depends on the network.
"""
