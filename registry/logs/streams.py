"""CloudWatch Logs' operations on log streams.

Source: CloudWatch Logs API reference, CreateLogStream, DescribeLogStreams, DeleteLogStream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.logs.groups import PAGE
from registry.logs.service import Operations, group_resource, logs, scope_of, stream_resource
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context
    from registry.domain.logs.groups import Group
    from registry.domain.logs.streams import Stream

BY_NAME, BY_TIME = "LogStreamName", "LastEventTime"


class StreamOperations(Operations):
    """Create, list, delete."""

    @logs.operation(resource=stream_resource)
    def create_log_stream(
        self, context: Context, *, log_group_name: str, log_stream_name: str
    ) -> None:
        """Make a stream."""
        group = self._groups.get(scope_of(context), log_group_name)
        self._streams.create(group, log_stream_name)

    @logs.operation(resource=stream_resource)
    def delete_log_stream(
        self, context: Context, *, log_group_name: str, log_stream_name: str
    ) -> None:
        """Delete a stream with its events."""
        group = self._groups.get(scope_of(context), log_group_name)
        self._streams.delete(group, log_stream_name)

    @logs.operation(resource=group_resource)
    def describe_log_streams(
        self,
        context: Context,
        *,
        log_group_name: str | None = None,
        log_group_identifier: str | None = None,
        log_stream_name_prefix: str | None = None,
        order_by: str = BY_NAME,
        descending: bool = False,
        next_token: str | None = None,
        limit: int = PAGE,
    ) -> Mapping[str, Any]:
        """A group's streams, by name or by their latest events."""
        group = self._named(context, log_group_name, log_group_identifier)
        prefix = log_stream_name_prefix or ""
        if order_by == BY_TIME and prefix:
            raise ParameterInvalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        listing = f"log streams {context.caller.arn} {[group.id, prefix, order_by, descending]}"
        after = self._pages.open(listing, next_token, (-1, ""))
        begun = next_token is not None
        if order_by == BY_TIME:
            found = self._streams.by_last_event(
                group, after=after if begun else None, limit=limit + 1, descending=descending
            )
        else:
            found = self._streams.by_name(
                group,
                after=after[1] if begun else None,
                limit=limit + 1,
                prefix=prefix,
                descending=descending,
            )
        answer: dict[str, Any] = {"logStreams": [_described(group, each) for each in found[:limit]]}
        if len(found) > limit:
            last = found[limit - 1]
            answer["nextToken"] = self._pages.seal(listing, (last.last_event or 0, last.name))
        return answer


def _described(group: Group, stream: Stream) -> dict[str, Any]:
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "firstEventTimestamp": stream.first_event,
        "lastEventTimestamp": stream.last_event,
        "lastIngestionTime": stream.last_ingestion,
        "uploadSequenceToken": f"{stream.id:056d}",
        "arn": stream.arn(group),
        "storedBytes": 0,  # as AWS answers since 2019, for every stream
    }
