"""What each image of a set measures, once; `synaxial.evaluate` compares sets."""
