"""CloudWatch Logs' operations on events.

Source: CloudWatch Logs API reference, PutLogEvents, GetLogEvents, FilterLogEvents.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry.domain.logs.blocks import Event
from registry.domain.logs.patterns import compiled
from registry.domain.logs.positions import LAST, TIME_MAX, Token, event_id, position, token_of
from registry.domain.logs.reading import EVENTS_MAX, Wanted
from registry.logs.service import Operations, group_resource, logs, scope_of, stream_resource
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.logs.groups import Group
    from registry.domain.logs.reading import Found


class EventOperations(Operations):
    """Put, get, look for."""

    @logs.operation(resource=stream_resource)
    def put_log_events(
        self,
        context: Context,
        *,
        log_group_name: str,
        log_stream_name: str,
        log_events: Sequence[Mapping[str, Any]],
        sequence_token: str | None = None,  # noqa: ARG002 - any is right, as at AWS
        entity: Mapping[str, Any] | None = None,  # noqa: ARG002 - there is nothing to relate it to
    ) -> Mapping[str, Any]:
        """Keep a batch of events."""
        group = self._groups.get(scope_of(context), log_group_name)
        stream = self._streams.get(group, log_stream_name)
        events = [Event(each["timestamp"], each["message"]) for each in log_events]
        rejected = self._writing.put(group, stream, events)
        answer: dict[str, Any] = {"nextSequenceToken": f"{stream.id:056d}"}
        if rejected:
            answer["rejectedLogEventsInfo"] = {
                "tooNewLogEventStartIndex": rejected.too_new_start,
                "tooOldLogEventEndIndex": rejected.too_old_end,
                "expiredLogEventEndIndex": rejected.expired_end,
            }
        return answer

    @logs.operation(resource=stream_resource)
    def get_log_events(
        self,
        context: Context,
        *,
        log_group_name: str | None = None,
        log_group_identifier: str | None = None,
        log_stream_name: str,
        start_time: int = 0,
        end_time: int | None = None,
        next_token: str | None = None,
        limit: int = EVENTS_MAX,
        start_from_head: bool = False,
        unmask: bool = False,  # noqa: ARG002 - nothing is masked
    ) -> Mapping[str, Any]:
        """A page of one stream's events, and the tokens to go on in either direction."""
        group = self._named(context, log_group_name, log_group_identifier)
        stream = self._streams.get(group, log_stream_name)
        token = None if next_token is None else token_of(next_token)
        wanted = Wanted(
            start=start_time,
            backward=token.backward if token else not start_from_head,
            limit=limit,
            stream_ids=[stream.id],
        )
        if end_time is not None:
            wanted = replace(wanted, end=end_time - 1)
        if token is not None:
            wanted = wanted.beyond(token.number)
        found = sorted(self._reading.page(group, wanted).events)
        forward, backward = _tokens(found, token, start_time)
        return {
            "events": [_event(each) for each in found],
            "nextForwardToken": str(forward),
            "nextBackwardToken": str(backward),
        }

    @logs.operation(resource=group_resource)
    def filter_log_events(
        self,
        context: Context,
        *,
        log_group_name: str | None = None,
        log_group_identifier: str | None = None,
        log_stream_names: Sequence[str] | None = None,
        log_stream_name_prefix: str | None = None,
        start_time: int = 0,
        end_time: int | None = None,
        filter_pattern: str = "",
        next_token: str | None = None,
        limit: int = EVENTS_MAX,
        start_from_head: bool = True,
        interleaved: bool = True,  # noqa: ARG002 - always, as at AWS
        unmask: bool = False,  # noqa: ARG002 - nothing is masked
    ) -> Mapping[str, Any]:
        """A page of a group's events that match, of all streams in the order of time."""
        if log_stream_names is not None and log_stream_name_prefix is not None:
            raise ParameterInvalid(
                "logStreamNames and logStreamNamePrefix cannot be given together."
            )
        matches = compiled(filter_pattern)
        group = self._named(context, log_group_name, log_group_identifier)
        asked = [log_stream_names, log_stream_name_prefix, start_time, end_time, filter_pattern]
        listing = f"log events {context.caller.arn} {[group.id, *asked]}"
        reached = self._pages.open(listing, next_token, (int(start_from_head), ""))
        wanted = Wanted(
            start=start_time,
            end=TIME_MAX if end_time is None else end_time,
            stream_ids=self._stream_ids(group, log_stream_names),
            prefix=log_stream_name_prefix or "",
            backward=not reached[0],
            limit=limit,
        )
        if next_token is not None:
            wanted = wanted.beyond(int(reached[1]))
        page = self._reading.page(group, wanted, matches)
        answer: dict[str, Any] = {
            "events": [
                _event(each) | {"logStreamName": each.stream, "eventId": event_id(each.position)}
                for each in page.events
            ],
            "searchedLogStreams": [],
        }
        if page.reached is not None:
            place = (int(not wanted.backward), str(page.reached))
            answer["nextToken"] = self._pages.seal(listing, place)
        return answer

    def _stream_ids(self, group: Group, names: Sequence[str] | None) -> list[int] | None:
        return None if names is None else [self._streams.get(group, name).id for name in set(names)]


def _tokens(found: Sequence[Found], token: Token | None, start: int) -> tuple[Token, Token]:
    """Where the next pages forward and backward begin.

    With nothing more in its direction a token comes back as it was given.
    """
    if found:
        return Token(False, found[-1].position), Token(True, found[0].position)
    if token is None:
        return Token(False, position(start) - 1), Token(True, position(start))
    if token.backward:
        return Token(False, token.number - 1), token
    return token, Token(True, min(token.number + 1, LAST))


def _event(found: Found) -> dict[str, Any]:
    return {
        "timestamp": found.timestamp,
        "message": found.message,
        "ingestionTime": found.ingested,
    }
