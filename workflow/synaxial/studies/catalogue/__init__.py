"""A database of generated images, with their numbers and where they came from."""
