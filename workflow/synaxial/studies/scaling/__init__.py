"""How the training's speed grows with the ranks: measured steps, and a cost model of them."""
