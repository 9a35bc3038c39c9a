"""STS: temporary credentials.

Source: AWS Security Token Service API reference, AssumeRole, GetSessionToken, GetAccessKeyInfo;
IAM User Guide, "Session policies", "Pass session tags", "Role chaining".
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from registry.aws.errors import Fault, RequestError
from registry.aws.service import ANY
from registry.domain.requests import circumstances_of, proven_of
from registry.sts.service import sts
from registry.sts.session_limits import Limits, session_limits
from registry.values.errors import Denied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_sts.type_defs import PolicyDescriptorTypeTypeDef, TagTypeDef

    from registry.aws.context import Context
    from registry.aws.service import Conditions
    from registry.domain.access import Access
    from registry.domain.identities.directory import Directory, Role
    from registry.domain.identities.sessions import Sessions, TemporaryKey

HOUR = 3600
HALF_A_DAY = 43_200


def role_arn(_context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """The role that is to be assumed."""
    return (parameters["role_arn"],)


def session_conditions(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """Condition keys of AssumeRole (IAM User Guide, "IAM and AWS STS condition context keys")."""
    tags = {tag["Key"]: tag["Value"] for tag in parameters.get("tags") or ()}
    found: dict[str, str | tuple[str, ...]] = {
        f"aws:requesttag/{key.lower()}": value for key, value in tags.items()
    }
    if tags:
        found["aws:tagkeys"] = tuple(tags)
    if "external_id" in parameters:
        found["sts:externalid"] = parameters["external_id"]
    return ({**found, "sts:rolesessionname": parameters["role_session_name"]},)


class SessionOperations:
    """Give out temporary credentials, and tell whose an access key is."""

    def __init__(self, directory: Directory, sessions: Sessions, access: Access) -> None:
        self._directory = directory
        self._sessions = sessions
        self._access = access

    @sts.operation(resource=role_arn, conditions=session_conditions)
    def assume_role(
        self,
        context: Context,
        *,
        role_arn: str,
        role_session_name: str,
        policy_arns: Sequence[PolicyDescriptorTypeTypeDef] = (),
        policy: str | None = None,
        duration_seconds: int = HOUR,
        tags: Sequence[TagTypeDef] = (),
        external_id: str | None = None,  # noqa: ARG002 - what session_conditions reads
    ) -> Mapping[str, Any]:
        """Credentials of a role whose trust policy, and the caller's own policies, allow it."""
        role = self._role(context, role_arn)
        if tags:
            self._may_tag(context, role_arn)
        _check_duration(duration_seconds, role, chained=_is_role(context))
        limits = session_limits(
            self._directory, role.account, policy, [each["arn"] for each in policy_arns], tags
        )
        key = self._sessions.of_role(
            role,
            role_session_name,
            timedelta(seconds=duration_seconds),
            inline=limits.inline,
            arns=limits.arns,
            tags=limits.tags,
            source=self._source(context),
        )
        session = self._directory.role_session(role, role_session_name)
        user = {"AssumedRoleId": session.id, "Arn": session.arn}
        return {"Credentials": _described(key), "AssumedRoleUser": user, **_packed(limits)}

    @sts.operation(open_to_any_caller=True)
    def get_session_token(
        self, context: Context, *, duration_seconds: int = HALF_A_DAY
    ) -> Mapping[str, Any]:
        """Credentials of the calling user; no policy can forbid it, as at AWS."""
        credential = proven_of(context).credential
        if proven_of(context).identity.service:
            raise Denied("Cannot call GetSessionToken with the credentials of a service")
        if credential.session_token is not None:
            raise Denied("Cannot call GetSessionToken with session credentials")
        lifetime = timedelta(seconds=duration_seconds)
        key = self._sessions.of_user(context.account, credential.access_key_id, lifetime)
        return {"Credentials": _described(key)}

    @sts.operation(resource=ANY)
    def get_access_key_info(
        self,
        context: Context,  # noqa: ARG002 - every operation has one
        *,
        access_key_id: str,
    ) -> Mapping[str, str]:
        """The account of an access key, long-lived or temporary."""
        account = self._directory.account_of_key(access_key_id)
        if account is None:
            raise RequestError(Fault.INVALID, f"There is no access key {access_key_id}")
        return {"Account": account}

    def _source(self, context: Context) -> str | None:
        """The key with which a session ends; a service's has no end."""
        proven = proven_of(context)
        return None if proven.identity.service else self._sessions.source(proven.credential)

    def _role(self, context: Context, arn: str) -> Role:
        role = self._directory.role_of_arn(arn)
        if role is None:
            raise Denied(
                f"User: {context.caller.arn} is not authorized to perform: sts:AssumeRole"
                f" on resource: {arn} because no role trust policy allows the sts:AssumeRole action"
            )
        return role

    def _may_tag(self, context: Context, arn: str) -> None:
        (conditions,) = session_conditions(context, context.parameters)
        self._access.require(
            proven_of(context).identity,
            ("sts:TagSession",),
            arn,
            circumstances_of(context, conditions),
        )


def _is_role(context: Context) -> bool:
    return proven_of(context).identity.role_arn is not None


def _check_duration(seconds: int, role: Role, *, chained: bool) -> None:
    if chained and seconds > HOUR:
        raise RequestError(
            Fault.INVALID,
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by"
            " role chaining.",
        )
    if seconds > role.session_seconds:
        raise RequestError(
            Fault.INVALID,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )


def _described(key: TemporaryKey) -> Mapping[str, Any]:
    return {
        "AccessKeyId": key.id,
        "SecretAccessKey": key.secret,
        "SessionToken": key.session_token,
        "Expiration": key.expires_at,
    }


def _packed(limits: Limits) -> Mapping[str, int]:
    limited = limits.inline or limits.arns or limits.tags
    return {"PackedPolicySize": limits.percent} if limited else {}
