"""CloudWatch Logs as a service of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.logs.errors import invalid, service_error
from registry.logs.events import EventOperations
from registry.logs.groups import GroupOperations
from registry.logs.service import logs
from registry.logs.streams import StreamOperations
from registry.logs.tags import TagOperations

if TYPE_CHECKING:
    from registry.aws.pages import Pages
    from registry.aws.service import Service
    from registry.logs.service import Stores

_HANDLERS = (GroupOperations, StreamOperations, EventOperations, TagOperations)


def bound_logs(stores: Stores, pages: Pages) -> Service:
    """All operations of this server's CloudWatch Logs."""
    handlers = [handler(stores, pages) for handler in _HANDLERS]
    return logs.bind(*handlers, errors=service_error, invalid=invalid)
