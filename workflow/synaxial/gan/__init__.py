"""The generator and the discriminator: operations, networks, training, sampling."""
