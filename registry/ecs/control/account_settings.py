"""Account settings: what a user, a role or the whole account has opted into.

Source: ECS API reference, PutAccountSetting, PutAccountSettingDefault, ListAccountSettings,
Setting; Developer Guide, "Access Amazon ECS features with account settings".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.ecs.errors import invalid
from registry.ecs.store.tables import account_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.database.database import Database
    from registry.values.scope import Scope

_SWITCH = frozenset({"enabled", "disabled", "on", "off"})
_LONG = ("containerInstanceLongArnFormat", "serviceLongArnFormat", "taskLongArnFormat")
VALUES: Mapping[str, frozenset[str]] = {
    "awsvpcTrunking": _SWITCH,
    "containerInsights": _SWITCH | {"enhanced"},
    "containerInstanceLongArnFormat": _SWITCH,
    "defaultLogDriverMode": frozenset({"blocking", "non-blocking"}),
    "fargateEventWindows": _SWITCH,
    "fargateFIPSMode": _SWITCH,
    "fargateTaskRetirementWaitPeriod": frozenset({"0", "7", "14"}),
    "guardDutyActivate": frozenset(),
    "serviceLongArnFormat": _SWITCH,
    "tagResourceAuthorization": _SWITCH,
    "taskLongArnFormat": _SWITCH,
}
"""What each setting can be set to."""
DEFAULTS: Mapping[str, str] = {
    "awsvpcTrunking": "disabled",
    "containerInsights": "disabled",
    "containerInstanceLongArnFormat": "enabled",
    "defaultLogDriverMode": "non-blocking",
    "fargateEventWindows": "disabled",
    "fargateFIPSMode": "disabled",
    "fargateTaskRetirementWaitPeriod": "7",
    "guardDutyActivate": "off",
    "serviceLongArnFormat": "enabled",
    "tagResourceAuthorization": "on",
    "taskLongArnFormat": "enabled",
}
_PRINCIPAL = re.compile(r"arn:aws:iam::(\d{12}):(root|(?:user|role)/[\w+=,.@/-]+)", re.ASCII)
_SESSION = re.compile(r"arn:aws:sts::(\d{12}):assumed-role/([^/]+)/.+")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of one principal."""

    name: str
    value: str
    principal: str

    def described(self) -> dict[str, str]:
        """As the model's Setting."""
        kind = "aws_managed" if self.name == "guardDutyActivate" else "user"
        return {
            "name": self.name,
            "value": self.value,
            "principalArn": self.principal,
            "type": kind,
        }


def root_of(scope: Scope) -> str:
    """The principal that holds the account's defaults."""
    return f"arn:aws:iam::{scope.account}:root"


def principal_of(scope: Scope, given: str | None, caller: str) -> str:
    """The principal that a request means: the one it names, or its caller; sessions count as
    their role. Raises ServiceError (InvalidParameterException).
    """
    found = given or caller
    if session := _SESSION.fullmatch(found):
        found = f"arn:aws:iam::{session[1]}:role/{session[2]}"
    match = _PRINCIPAL.fullmatch(found)
    if match is None or match[1] != scope.account:
        raise invalid(f"Invalid principalArn: {found}")
    return found


class AccountSettings:
    """Put, delete, list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, scope: Scope, principal: str, name: str, value: str) -> Setting:
        """Set it. Raises ServiceError (InvalidParameterException)."""
        if name == "guardDutyActivate":
            raise invalid("The setting guardDutyActivate is managed by AWS and can't be changed.")
        if value not in VALUES[name]:
            raise invalid(
                f"The value {value} is not valid for the setting {name}: it is one of"
                f" {', '.join(sorted(VALUES[name]))}."
            )
        if name in _LONG and value in {"disabled", "off"}:
            raise invalid(f"You can no longer opt out of {name}.")
        with self._database.write() as connection:
            _remove(connection, scope, principal, name)
            row = {
                "account": scope.account,
                "region": scope.region,
                "principal": principal,
                "name": name,
                "value": value,
            }
            connection.execute(sa.insert(account_settings).values(row))
        return Setting(name, value, principal)

    def delete(self, scope: Scope, principal: str, name: str) -> Setting:
        """Forget it; what holds for the principal then."""
        with self._database.write() as connection:
            _remove(connection, scope, principal, name)
            (found,) = _effective(connection, scope, principal, [name])
        return Setting(name, found.value, principal)

    def list(
        self, scope: Scope, principal: str, name: str | None, *, effective: bool
    ) -> list[Setting]:
        """The principal's settings by name; with `effective`, all that hold for it."""
        with self._database.read() as connection:
            if effective:
                names = sorted(VALUES) if name is None else [name]
                return _effective(connection, scope, principal, names)
            found = _kept(connection, scope, principal)
        return [
            Setting(each, value, principal)
            for each, value in sorted(found.items())
            if name in {None, each}
        ]


def _effective(
    connection: sa.Connection, scope: Scope, principal: str, names: list[str]
) -> list[Setting]:
    """The principal's own, else the account's default, else AWS's."""
    root = root_of(scope)
    own, common = _kept(connection, scope, principal), _kept(connection, scope, root)
    values = {**DEFAULTS, **common, **own}
    return [Setting(each, values[each], principal if each in own else root) for each in names]


def _kept(connection: sa.Connection, scope: Scope, principal: str) -> dict[str, str]:
    statement = sa.select(account_settings.c.name, account_settings.c.value)
    rows = connection.execute(statement.where(*_mine(scope, principal)))
    return {row.name: row.value for row in rows}


def _remove(connection: sa.Connection, scope: Scope, principal: str, name: str) -> None:
    mine = (*_mine(scope, principal), account_settings.c.name == name)
    connection.execute(sa.delete(account_settings).where(*mine))


def _mine(scope: Scope, principal: str) -> tuple[sa.ColumnElement[bool], ...]:
    table = account_settings.c
    return (
        table.account == scope.account,
        table.region == scope.region,
        table.principal == principal,
    )
