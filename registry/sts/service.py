"""STS: the declarations, and who am I.

Source: AWS Security Token Service API reference, GetCallerIdentity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.aws.service import Declarations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context

sts = Declarations("sts")

GLOBAL_REGION = "us-east-1"
"""Clients without a region sign for this one: STS's global endpoint."""


class IdentityOperations:
    """What a caller may ask about itself; no policy can forbid it, as at AWS."""

    @sts.operation(open_to_any_caller=True)
    def get_caller_identity(self, context: Context) -> Mapping[str, str]:
        """User id, account and ARN of whoever signed the request."""
        caller = context.caller
        return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}
