"""What images look like, as vectors: one row an image, for the metrics of distributions.

`efficientnet` knows ImageNet's photographs; `wavelets` knows nothing but frequencies and places,
and is there to show what of a verdict hangs on the network.
"""
