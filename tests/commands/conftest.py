"""The application of tests/application.py, for the data that commands work on."""

from tests.application import client, loop, open_one, registry, template

__all__ = ["client", "loop", "open_one", "registry", "template"]
