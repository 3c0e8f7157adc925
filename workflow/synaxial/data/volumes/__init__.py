"""Stage `acquire`: volumes from a source, checked and in one orientation."""
