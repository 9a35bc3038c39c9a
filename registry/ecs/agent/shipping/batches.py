"""Events in batches that PutLogEvents takes.

Source: CloudWatch Logs API reference, PutLogEvents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from registry.ecs.agent.shipping.lines import Event

BYTES_MAX = 1_048_576
EVENTS_MAX = 10_000
SPAN_MAX = 86_400_000
OVERHEAD = 26


def size_of(event: Event) -> int:
    """An event's bytes, as PutLogEvents counts them."""
    return len(event.message.encode()) + OVERHEAD


def batches(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """The events in their order, in as few batches as their bounds allow."""
    gathered: list[Event] = []
    size = 0
    first = last = 0
    for event in events:
        more = size_of(event)
        low, high = min(first, event.timestamp), max(last, event.timestamp)
        full = len(gathered) == EVENTS_MAX or size + more > BYTES_MAX or high - low > SPAN_MAX
        if gathered and full:
            yield gathered
            gathered, size = [], 0
        if not gathered:
            low = high = event.timestamp
        gathered.append(event)
        size, first, last = size + more, low, high
    if gathered:
        yield gathered


def document(batch: Sequence[Event]) -> list[dict[str, str | int]]:
    """A batch as `logEvents`: in the order of time, those of one moment as they came.

    Lines without anything in them are left out, as the driver does: PutLogEvents takes none.
    """
    return [
        {"timestamp": event.timestamp, "message": event.message}
        for event in sorted(batch, key=lambda event: event.timestamp)
        if event.message
    ]
