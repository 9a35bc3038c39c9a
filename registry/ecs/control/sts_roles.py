"""Roles assumed through STS, with the key of a service.

Source: STS API reference, AssumeRole; Developer Guide, "Amazon ECS task IAM role".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from registry.ecs.control.roles import RoleRefused, RolesUnreachable, Session

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 3600
_SERVER_ERROR = 500


class StsRoles:
    """Asks an STS."""

    def __init__(self, client: Callable[[], Any]) -> None:
        """`client` makes a botocore client of STS that signs as ECS."""
        self._make = client
        self._client: Any = None

    def assume(self, role_arn: str, session_name: str) -> Session:
        """Credentials for an hour. Raises RoleRefused, RolesUnreachable."""
        if self._client is None:
            self._client = self._make()
        try:
            answer = self._client.assume_role(
                RoleArn=role_arn, RoleSessionName=session_name, DurationSeconds=SECONDS
            )
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status >= _SERVER_ERROR:
                raise RolesUnreachable(str(error)) from None
            raise RoleRefused(
                f"ECS was unable to assume the role '{role_arn}' that was provided for this task."
                " Please verify that the role being passed has the proper trust relationship and"
                " permissions and that your IAM user has permissions to pass this role."
            ) from None
        except BotoCoreError as error:
            raise RolesUnreachable(str(error)) from None
        found = answer["Credentials"]
        return Session(
            found["AccessKeyId"],
            found["SecretAccessKey"],
            found["SessionToken"],
            found["Expiration"],
        )
