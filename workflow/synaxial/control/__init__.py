"""Sets of images that generated ones are read beside: other real ones, and known faults."""
