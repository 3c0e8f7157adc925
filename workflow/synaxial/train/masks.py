"""What a training does that generates the tumour's mask with the image."""
