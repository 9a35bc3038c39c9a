"""KMS's operations on tags. Source: KMS API reference, TagResource, ListResourceTags."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.domain.resource_labels import without_labels
from registry.kms.errors import not_pending
from registry.kms.labels import labels
from registry.kms.service import Operations, kms
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context

PAGE = 50


class TagOperations(Operations):
    """Tag, untag, list."""

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def tag_resource(
        self, context: Context, *, key_id: str, tags: Sequence[Mapping[str, str]]
    ) -> None:
        """Add or change tags."""
        self._change(
            context, key_id, lambda key: replace(not_pending(key), tags=labels(key.tags, tags))
        )

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def untag_resource(self, context: Context, *, key_id: str, tag_keys: Sequence[str]) -> None:
        """Remove tags."""
        try:
            without_labels({}, tag_keys)
        except ParameterInvalid as error:
            raise ServiceError("TagException", str(error)) from None
        self._change(
            context,
            key_id,
            lambda key: replace(
                not_pending(key), tags=tuple(each for each in key.tags if each[0] not in tag_keys)
            ),
        )

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def list_resource_tags(
        self, context: Context, *, key_id: str, limit: int = PAGE, marker: str | None = None
    ) -> Mapping[str, Any]:
        """All tags, by key."""
        key = self._key(context, key_id)
        tags, more = self._page(
            f"tags {key.arn} {context.caller.arn}",
            key.tags,
            lambda tag: tag[0],
            marker=marker,
            limit=min(limit, PAGE),
        )
        return {"Tags": [{"TagKey": name, "TagValue": value} for name, value in tags], **more}
