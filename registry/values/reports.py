"""Which reports on scans can be attached to images, by name."""

from __future__ import annotations

from collections.abc import Sequence

from registry.values.digest import shown
from registry.values.errors import ParameterInvalid

ATTACHED = ("cyclonedx", "spdx", "sarif")
"""Those that have an artifact type that others know."""


def attached(setting: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once. Raises ParameterInvalid for what cannot be attached."""
    for each in names:
        if each not in ATTACHED:
            raise ParameterInvalid(f"{setting}: {shown(each)} is none of {', '.join(ATTACHED)}")
    return tuple(dict.fromkeys(names))
