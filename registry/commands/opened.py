"""The data directory of a server, opened for one command; the server may run meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from registry.config import Settings
from registry.ground import Ground, lay_ground
from registry.values.errors import ParameterInvalid


@contextmanager
def opened(settings: Settings) -> Iterator[Ground]:
    """What lies below the domain. Raises ParameterInvalid where no server has ever run."""
    if not (settings.data / "moorage.db").exists():
        raise ParameterInvalid(f"{settings.data}: no server has kept anything here yet")
    ground = lay_ground(settings)
    try:
        yield ground
    finally:
        ground.close()
