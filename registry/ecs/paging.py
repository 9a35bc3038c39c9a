"""How long the pages of ECS's listings are.

Source: ECS API reference, `maxResults` of ListClusters, ListTasks and others: 1 to 100.
"""

from __future__ import annotations

from registry.ecs.errors import invalid

PAGE_MAX = 100


def page_size(asked: int | None, most: int = PAGE_MAX, default: int | None = None) -> int:
    """How many entries a page has. Raises ServiceError (InvalidParameterException)."""
    if asked is None:
        return most if default is None else default
    if not 1 <= asked <= most:
        raise invalid(f"maxResults must be between 1 and {most}, inclusive")
    return asked
