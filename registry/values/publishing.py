"""Errors of public registries and their gallery."""

from __future__ import annotations

from registry.values.errors import Conflict, NotFound


class RegistryNotFound(NotFound):
    """No public registry of that alias."""


class CatalogDataNotFound(NotFound):
    """The public repository has nothing for the gallery."""


class AliasTaken(Conflict):
    """Another public registry has the alias, or a private repository is in its place."""
