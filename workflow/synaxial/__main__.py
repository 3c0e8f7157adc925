"""`python -m synaxial` is the command `synaxial`."""

from synaxial.cli import main

main()
