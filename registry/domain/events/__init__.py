"""Events: what changed, told to a log and to webhooks in EventBridge's form.

happenings   one function for each thing that can happen, called where it is done
event        the envelope and the kinds
outbox       rows written with the change
"""

from registry.domain.events.event import DETAIL_TYPES, Event
from registry.domain.events.happenings import (
    ARCHIVE,
    STANDARD,
    about_to_expire,
    deleted,
    gated,
    image_action,
    pulled_through,
    pushed,
    replicated,
    repository_created,
    repository_deleted,
    scanned,
    storage_class_changed,
)
from registry.domain.events.outbox import record

__all__ = [
    "ARCHIVE",
    "DETAIL_TYPES",
    "STANDARD",
    "Event",
    "about_to_expire",
    "deleted",
    "gated",
    "image_action",
    "pulled_through",
    "pushed",
    "record",
    "replicated",
    "repository_created",
    "repository_deleted",
    "scanned",
    "storage_class_changed",
]
