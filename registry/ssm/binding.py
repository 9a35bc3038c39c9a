"""Parameter Store as a service of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.ssm.errors import service_error
from registry.ssm.reading import ReadingOperations
from registry.ssm.service import ssm
from registry.ssm.tags import TagOperations
from registry.ssm.writing import WritingOperations

if TYPE_CHECKING:
    from registry.aws.pages import Pages
    from registry.aws.service import Service
    from registry.ssm.service import Stores

_HANDLERS = (WritingOperations, ReadingOperations, TagOperations)


def bound_ssm(stores: Stores, pages: Pages) -> Service:
    """All operations of this server's Parameter Store."""
    handlers = [handler(stores, pages) for handler in _HANDLERS]
    return ssm.bind(*handlers, errors=service_error)
