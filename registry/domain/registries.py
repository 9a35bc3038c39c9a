"""What is set for a whole registry: its policy, replication, scanning, account settings.

Source: ECR User Guide, "Private registry settings"; ECR API reference, PutAccountSetting.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import registry_settings
from registry.domain.identities.identity import Document
from registry.domain.scanning.requests import SCANNING
from registry.values.digest import shown
from registry.values.errors import ParameterInvalid, RegistryPolicyNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.database.database import Cache, Database
    from registry.values.scope import Scope

ACCOUNT_SETTINGS: Mapping[str, Sequence[str]] = {
    "BASIC_SCAN_TYPE_VERSION": ("AWS_NATIVE",),
    "REGISTRY_POLICY_SCOPE": ("V2",),
    "BLOB_MOUNTING": ("ENABLED", "DISABLED"),
}
"""Each one's values; the first is the default."""

POLICY = "policy"
REPLICATION = "replication"
_OF_ACCOUNT = "account/"


class Registries:
    """Reads and changes them."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    def policy(self, scope: Scope) -> str:
        """The text of the registry's policy. Raises RegistryPolicyNotFound."""
        text = self._get(scope, POLICY)
        if text is None:
            raise RegistryPolicyNotFound(
                f"Registry policy does not exist in the registry with id '{scope.account}'"
            )
        return text

    def guarding(self, scope: Scope) -> Document | None:
        """The registry's policy as it takes part in decisions."""
        text = self._get(scope, POLICY)
        return None if text is None else Document("policy of the registry", text)

    def set_policy(self, scope: Scope, text: str) -> None:
        """Set the policy, a document that was checked before."""
        self._put(scope, POLICY, text)

    def delete_policy(self, scope: Scope) -> str:
        """Remove the policy; its text. Raises RegistryPolicyNotFound."""
        text = self.policy(scope)
        with self._database.write() as connection:
            drop(connection, scope, POLICY)
        return text

    def replication(self, scope: Scope) -> dict[str, Any]:
        """ECR's ReplicationConfiguration."""
        return dict(json.loads(self._get(scope, REPLICATION) or '{"rules": []}'))

    def set_replication(self, scope: Scope, configuration: Mapping[str, Any]) -> None:
        """Keep it; what cannot be was refused before."""
        self._put(scope, REPLICATION, json.dumps(configuration))

    def scanning(self, scope: Scope) -> dict[str, Any]:
        """ECR's RegistryScanningConfiguration."""
        default = '{"scanType": "BASIC", "rules": []}'
        return dict(json.loads(self._get(scope, SCANNING) or default))

    def set_scanning(self, scope: Scope, configuration: Mapping[str, Any]) -> None:
        """Keep it; what cannot be was refused before."""
        self._put(scope, SCANNING, json.dumps(configuration))

    def account_setting(self, scope: Scope, name: str) -> str:
        """Its value. Raises ParameterInvalid for a setting that there is not."""
        return self._get(scope, _OF_ACCOUNT + name) or _values(name)[0]

    def set_account_setting(self, scope: Scope, name: str, value: str) -> None:
        """Change it. Raises ParameterInvalid."""
        values = _values(name)
        if value not in values:
            raise ParameterInvalid(
                "Invalid parameter at 'value' failed to satisfy constraint:"
                f" 'Member must satisfy enum value set: [{', '.join(values)}]'"
            )
        self._put(scope, _OF_ACCOUNT + name, value)

    def mounts(self, scope: Scope) -> bool:
        """Whether a push may take a layer from another repository of the registry."""
        return self.account_setting(scope, "BLOB_MOUNTING") == "ENABLED"

    def _get(self, scope: Scope, name: str) -> str | None:
        return self._cache.get(("registry", scope, name), lambda: self._load(scope, name))

    def _load(self, scope: Scope, name: str) -> str | None:
        with self._database.read() as connection:
            return load(connection, scope, name)

    def _put(self, scope: Scope, name: str, value: str) -> None:
        with self._database.write() as connection:
            keep(connection, scope, name, value)


def load(connection: sa.Connection, scope: Scope, name: str) -> str | None:
    """What is set, in this transaction."""
    query = sa.select(registry_settings.c.value).where(*_named(scope, name))
    return connection.execute(query).scalar()


def keep(connection: sa.Connection, scope: Scope, name: str, value: str) -> None:
    """Set it, in this transaction."""
    row = {"account": scope.account, "region": scope.region, "name": name, "value": value}
    drop(connection, scope, name)
    connection.execute(sa.insert(registry_settings).values(row))


def drop(connection: sa.Connection, scope: Scope, name: str) -> None:
    """Let it be unset, in this transaction."""
    connection.execute(sa.delete(registry_settings).where(*_named(scope, name)))


def _values(name: str) -> Sequence[str]:
    values = ACCOUNT_SETTINGS.get(name)
    if values is None:
        raise ParameterInvalid(
            f"Invalid parameter at 'name' failed to satisfy constraint: 'Member must satisfy"
            f" enum value set: [{', '.join(ACCOUNT_SETTINGS)}]': {shown(name)}"
        )
    return values


def _named(scope: Scope, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    table = registry_settings.c
    return table.account == scope.account, table.region == scope.region, table.name == name
