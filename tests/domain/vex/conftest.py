"""The application of tests/application.py, for what is said of images in real rows."""

from tests.application import client, loop, open_one, registry, template

__all__ = ["client", "loop", "open_one", "registry", "template"]
