"""The application of tests/application.py, for this floor's tests."""

from tests.application import client, loop, open_one, registry, template

__all__ = ["client", "loop", "open_one", "registry", "template"]
