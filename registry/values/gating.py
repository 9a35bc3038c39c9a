"""The error of a gate. It has more to say than the others, and stands in their tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.values.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping


class GateRefused(Refused):
    """An image that a gate lets nobody pull, as things are known of it now."""

    def __init__(self, message: str, detail: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.detail = detail
        """The same for programs."""
