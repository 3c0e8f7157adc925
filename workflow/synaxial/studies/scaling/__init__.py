"""How the speed of a training grows with the number of ranks: measurements and a cost model."""
