"""The application of tests/application.py, for these tests."""

from tests.application import loop, open_one, registry, template

__all__ = ["loop", "open_one", "registry", "template"]
