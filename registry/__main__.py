"""`python -m registry` is `moorage`."""

from registry.cli import main

main(prog_name="moorage")
