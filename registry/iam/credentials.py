"""IAM's credentials that no user of this server has: there are access keys, and nothing else.

Who removes a user first asks for these (Terraform with `force_destroy`, the console's ways).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.iam.service import Operations, iam, user_name
from registry.values.errors import EntityNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context

named = user_name


class CredentialOperations(Operations):
    """Lists of nothing, for users that exist."""

    @iam.operation(resource=Operations.user_arn)
    def list_ssh_public_keys(
        self,
        context: Context,
        *,
        user_name: str | None = None,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """No SSH keys."""
        return self._none(context, "SSHPublicKeys", user_name, marker, max_items)

    @iam.operation(resource=Operations.user_arn)
    def list_mfa_devices(
        self,
        context: Context,
        *,
        user_name: str | None = None,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """No MFA devices."""
        return self._none(context, "MFADevices", user_name, marker, max_items)

    @iam.operation(resource=Operations.user_arn)
    def list_signing_certificates(
        self,
        context: Context,
        *,
        user_name: str | None = None,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """No signing certificates."""
        return self._none(context, "Certificates", user_name, marker, max_items)

    @iam.operation(resource=ANY)
    def list_virtual_mfa_devices(
        self,
        context: Context,
        *,
        assignment_status: str | None = None,  # noqa: ARG002 - none, whatever their status
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """No virtual MFA devices in the account."""
        return self._nothing(context, "VirtualMFADevices", marker, max_items)

    @iam.operation(resource=Operations.user_arn)
    def list_service_specific_credentials(
        self,
        context: Context,
        *,
        user_name: str | None = None,
        service_name: str | None = None,  # noqa: ARG002 - none, of whatever service
        all_users: bool = False,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """No credentials of single services."""
        title = "ServiceSpecificCredentials"
        if all_users:
            return self._nothing(context, title, marker, max_items)
        return self._none(context, title, user_name, marker, max_items)

    @iam.operation(resource=Operations.user_arn)
    def get_login_profile(
        self, context: Context, *, user_name: str | None = None
    ) -> Mapping[str, Any]:
        """No password. Raises EntityNotFound."""
        raise self._no_password(context, user_name)

    @iam.operation(resource=Operations.user_arn)
    def delete_login_profile(self, context: Context, *, user_name: str | None = None) -> None:
        """No password. Raises EntityNotFound."""
        raise self._no_password(context, user_name)

    def _no_password(self, context: Context, name: str | None) -> EntityNotFound:
        user = self._stores.users.get(context.account, named(context, name))
        return EntityNotFound(f"Login Profile for User {user.name} cannot be found.")

    def _none(
        self,
        context: Context,
        title: str,
        name: str | None,
        marker: str | None,
        max_items: int | None,
    ) -> Mapping[str, Any]:
        self._stores.users.get(context.account, named(context, name))
        return self._nothing(context, title, marker, max_items)

    def _nothing(
        self, context: Context, title: str, marker: str | None, max_items: int | None
    ) -> Mapping[str, Any]:
        nothing: list[str] = []
        found, more = self._paging(context, title, marker, max_items).cut(nothing, str)
        return {title: found, **more}
