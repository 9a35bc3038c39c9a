"""The application of tests/application.py, for signatures on real rows."""

from tests.application import client, loop, open_one, registry, template

__all__ = ["client", "loop", "open_one", "registry", "template"]
