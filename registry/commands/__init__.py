"""The subcommands of `moorage`, a module each; `registry/cli.py` puts them together."""
