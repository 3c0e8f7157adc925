"""A set of images held against real ones that no network has seen."""
