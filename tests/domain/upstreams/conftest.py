"""The application of tests/application.py, for these tests, and who hears of its events."""

from tests.application import loop, open_one, registry, template
from tests.domain.events.conftest import ear, targets

__all__ = ["ear", "loop", "open_one", "registry", "targets", "template"]
