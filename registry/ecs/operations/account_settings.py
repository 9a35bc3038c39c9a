"""ECS's operations on account settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.ecs.control.account_settings import principal_of, root_of
from registry.ecs.paging import page_size
from registry.ecs.service import ecs, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.aws.service import Conditions
    from registry.ecs.control.account_settings import AccountSettings

_PAGE = 10


def named_setting(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """`ecs:account-setting` (Service Authorization Reference)."""
    return ({"ecs:account-setting": parameters["name"]},)


class AccountSettingOperations:
    """Put, delete, list."""

    def __init__(self, settings: AccountSettings, pages: Pages) -> None:
        self._settings = settings
        self._pages = pages

    @ecs.operation(resource=ANY, conditions=named_setting)
    def put_account_setting(
        self, context: Context, *, name: str, value: str, principal_arn: str | None = None
    ) -> Mapping[str, Any]:
        """For one principal, the caller without."""
        scope = scope_of(context)
        principal = principal_of(scope, principal_arn, context.caller.arn)
        return {"setting": self._settings.put(scope, principal, name, value).described()}

    @ecs.operation(resource=ANY, conditions=named_setting)
    def put_account_setting_default(
        self, context: Context, *, name: str, value: str
    ) -> Mapping[str, Any]:
        """For all principals that have none of their own."""
        scope = scope_of(context)
        return {"setting": self._settings.put(scope, root_of(scope), name, value).described()}

    @ecs.operation(resource=ANY, conditions=named_setting)
    def delete_account_setting(
        self, context: Context, *, name: str, principal_arn: str | None = None
    ) -> Mapping[str, Any]:
        """Back to what the account's default is."""
        scope = scope_of(context)
        principal = principal_of(scope, principal_arn, context.caller.arn)
        return {"setting": self._settings.delete(scope, principal, name).described()}

    @ecs.operation(resource=ANY)
    def list_account_settings(
        self,
        context: Context,
        *,
        name: str | None = None,
        value: str | None = None,
        principal_arn: str | None = None,
        effective_settings: bool = False,
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        """By name."""
        scope, limit = scope_of(context), page_size(max_results, most=_PAGE)
        principal = principal_of(scope, principal_arn, context.caller.arn)
        chosen = f"{principal} {name} {value} {effective_settings}"
        listing = f"settings {context.caller.arn} {scope} {chosen}"
        after = self._pages.open(listing, next_token, "")
        found = [
            each
            for each in self._settings.list(scope, principal, name, effective=effective_settings)
            if each.name > after and value in {None, each.value}
        ]
        answer: dict[str, Any] = {"settings": [each.described() for each in found[:limit]]}
        if len(found) > limit:
            answer["nextToken"] = self._pages.seal(listing, found[limit - 1].name)
        return answer
