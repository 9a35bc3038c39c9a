"""KMS's operations on whether a key may be used.

Source: KMS API reference, EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion; KMS
Developer Guide, "Key states".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.errors import Fault, RequestError, ServiceError
from registry.keys.ring import DELETION_DAYS, KeyState, MasterKey
from registry.kms.errors import not_pending
from registry.kms.service import Operations, kms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context

DAYS = 30


class StateOperations(Operations):
    """Enable, disable, delete later, think better of it."""

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def enable_key(self, context: Context, *, key_id: str) -> None:
        """Let a disabled key be used again."""
        self._change(context, key_id, lambda key: not_pending(key).enabled())

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def disable_key(self, context: Context, *, key_id: str) -> None:
        """Refuse the key to everybody from now on: what lies under it cannot be read."""
        self._change(context, key_id, lambda key: not_pending(key).disabled())

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def schedule_key_deletion(
        self, context: Context, *, key_id: str, pending_window_in_days: int = DAYS
    ) -> Mapping[str, Any]:
        """Refuse the key from now on, and destroy it after so many days."""
        days = pending_window_in_days
        if days not in DELETION_DAYS:
            less = days < DELETION_DAYS[0]
            bound = f"greater than or equal to {DELETION_DAYS[0]}"
            bound = bound if less else f"less than or equal to {DELETION_DAYS[-1]}"
            raise RequestError(
                Fault.INVALID,
                f"1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to"
                f" satisfy constraint: Member must have value {bound}",
            )
        key = self._change(
            context, key_id, lambda key: not_pending(key).scheduled(self._keys.now(), days)
        )
        return {
            "KeyId": key.arn,
            "DeletionDate": key.deletion_date,
            "KeyState": key.state.value,
            "PendingWindowInDays": days,
        }

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def cancel_key_deletion(self, context: Context, *, key_id: str) -> Mapping[str, Any]:
        """Keep the key after all; it is disabled then."""
        return {"KeyId": self._change(context, key_id, _kept).arn}


def _kept(key: MasterKey) -> MasterKey:
    if key.state is not KeyState.PENDING_DELETION:
        raise ServiceError("KMSInvalidStateException", f"{key.arn} is not pending deletion.")
    return key.deletion_cancelled()
