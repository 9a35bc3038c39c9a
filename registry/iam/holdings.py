"""What the policies of users, groups and roles have in common on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.identities.aws_managed import PREFIX
from registry.iam.service import Operations
from registry.iam.shapes import encoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context
    from registry.domain.identities.entities import Kind


class HoldingOperations(Operations):
    """Answers about the policies of one kind of entity."""

    kind: Kind

    def _inline(self, context: Context, name: str, policy: str) -> Mapping[str, Any]:
        document = self._stores.holdings.inline(self.kind, context.account, name, policy)
        return {
            f"{self.kind.title}Name": name,
            "PolicyName": policy,
            "PolicyDocument": encoded(document),
        }

    def _inline_names(
        self, context: Context, name: str, marker: str | None, max_items: int | None
    ) -> Mapping[str, Any]:
        listing = f"inline policies {self.kind.noun} {name}"
        found, more = self._paging(context, listing, marker, max_items).load(
            lambda after, limit: self._stores.holdings.inline_names(
                self.kind, context.account, name, after, limit
            ),
            str,
        )
        return {"PolicyNames": found, **more}

    def _attached(
        self,
        context: Context,
        name: str,
        path_prefix: str,
        marker: str | None,
        max_items: int | None,
    ) -> Mapping[str, Any]:
        listing = f"attached policies {self.kind.noun} {name} {path_prefix}"
        policies = self._stores.holdings.attached(self.kind, context.account, name, path_prefix)
        paging = self._paging(context, listing, marker, max_items)
        found, more = paging.cut(
            policies, lambda policy: f"{policy[0]} {policy[1].startswith(PREFIX):d}"
        )
        shown = [{"PolicyName": policy, "PolicyArn": arn} for policy, arn in found]
        return {"AttachedPolicies": shown, **more}
