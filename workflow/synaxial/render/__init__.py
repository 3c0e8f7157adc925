"""Stage `render`: pictures of a stack of generated images."""
