"""Whether generated images with masks help to train a segmentation model."""
