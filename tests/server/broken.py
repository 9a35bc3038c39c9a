"""An application that cannot start."""

from __future__ import annotations

from starlette.types import ASGIApp

from registry.values.errors import StorageUnavailable


def create(argument: str) -> ASGIApp:
    raise StorageUnavailable(f"the database is locked {argument}")
