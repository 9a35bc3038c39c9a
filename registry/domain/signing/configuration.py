"""Which repositories' images are signed, and with which profile.

Source: ECR API reference, SigningConfiguration; ECR User Guide, "Managed signing".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import registry_settings
from registry.values.errors import SigningConfigurationNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.database.database import Database
    from registry.values.scope import Scope

_NAME = "signing"
_table = registry_settings.c


class SigningConfigurations:
    """Puts, gets and deletes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, scope: Scope, configuration: Mapping[str, Any]) -> None:
        """Sign by these rules from now on; what was checked before."""
        row = {"account": scope.account, "region": scope.region, "name": _NAME}
        with self._database.write() as connection:
            connection.execute(sa.delete(registry_settings).where(*_of(scope)))
            value = json.dumps(configuration)
            connection.execute(sa.insert(registry_settings).values(**row, value=value))

    def get(self, scope: Scope) -> dict[str, Any]:
        """The rules. Raises SigningConfigurationNotFound."""
        with self._database.read() as connection:
            return _found(connection, scope)

    def delete(self, scope: Scope) -> dict[str, Any]:
        """Sign nothing any more; the rules that there were. Raises SigningConfigurationNotFound."""
        with self._database.write() as connection:
            found = _found(connection, scope)
            connection.execute(sa.delete(registry_settings).where(*_of(scope)))
        return found


def profiles(connection: sa.Connection, scope: Scope, repository: str) -> list[str]:
    """ARNs of the profiles that sign what is pushed to the repository, each once."""
    text = connection.execute(sa.select(_table.value).where(*_of(scope))).scalar()
    rules = [] if text is None else json.loads(text)["rules"]
    found = [rule["signingProfileArn"] for rule in rules if _matches(rule, repository)]
    return list(dict.fromkeys(found))


def _matches(rule: Mapping[str, Any], repository: str) -> bool:
    filters = rule.get("repositoryFilters")
    return not filters or any(_fits(each["filter"], repository) for each in filters)


def _fits(pattern: str, name: str) -> bool:
    """`*` stands for anything (SigningRepositoryFilter)."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None


def _found(connection: sa.Connection, scope: Scope) -> dict[str, Any]:
    text = connection.execute(sa.select(_table.value).where(*_of(scope))).scalar()
    if text is None:
        raise SigningConfigurationNotFound(
            f"The signing configuration for the registry with id '{scope.account}' does not exist"
        )
    return dict(json.loads(text))


def _of(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return _table.account == scope.account, _table.region == scope.region, _table.name == _NAME
