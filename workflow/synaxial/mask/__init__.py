"""Stage `mask`: the tumour in each image, as a stack beside the images."""
