"""What generated images with masks are worth to somebody who trains a segmentation model."""
