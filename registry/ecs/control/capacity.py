"""Capacity providers: FARGATE and FARGATE_SPOT in every cluster, and those of one's own.

Source: ECS API reference, CreateCapacityProvider, PutClusterCapacityProviders,
CapacityProviderStrategyItem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.ecs.errors import invalid
from registry.ecs.store.tables import capacity_providers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.values.scope import Scope

BUILT_IN = ("FARGATE", "FARGATE_SPOT")
PROVIDERS_MAX = 20
BASE_MAX, WEIGHT_MAX = 100_000, 1_000


def checked(
    connection: sa.Connection, scope: Scope, document: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A cluster's document whose providers there are, and whose strategy uses these alone.

    Raises ServiceError (InvalidParameterException).
    """
    providers: Sequence[str] = document.get("capacityProviders", ())
    if len(providers) > PROVIDERS_MAX:
        raise invalid(f"A cluster can have at most {PROVIDERS_MAX} capacity providers.")
    for name in providers:
        if name not in BUILT_IN and not _exists(connection, scope, name):
            raise invalid(
                "The specified capacity provider does not exist. Specify a valid name or ARN and"
                " try again."
            )
    check_strategy(document.get("defaultCapacityProviderStrategy", ()), providers)
    return document


def check_strategy(strategy: Sequence[Mapping[str, Any]], providers: Sequence[str]) -> None:
    """Raise ServiceError (InvalidParameterException) for a strategy that can't be followed."""
    if any(item["capacityProvider"] not in providers for item in strategy):
        raise invalid(
            "The specified capacity provider strategy cannot contain a capacity provider that is"
            " not associated with the cluster. Associate the capacity provider with the cluster"
            " and try again."
        )
    names = [item["capacityProvider"] for item in strategy]
    if len(set(names)) != len(names):
        raise invalid("A capacity provider strategy names each capacity provider only once.")
    if len({name in BUILT_IN for name in names}) > 1:
        raise invalid(
            "The specified capacity provider strategy cannot contain both Fargate and Auto"
            " Scaling group capacity providers."
        )
    if sum(1 for item in strategy if item.get("base", 0) > 0) > 1:
        raise invalid("Only one capacity provider in a strategy can have a base defined.")
    for item in strategy:
        weight, base = item.get("weight", 0), item.get("base", 0)
        if not (0 <= weight <= WEIGHT_MAX and 0 <= base <= BASE_MAX):
            raise invalid(f"A weight is from 0 to {WEIGHT_MAX}, a base from 0 to {BASE_MAX}.")
    if strategy and all(item.get("weight", 0) == 0 for item in strategy) and len(strategy) > 1:
        raise invalid("At least one capacity provider must have a weight greater than 0.")


def _exists(connection: sa.Connection, scope: Scope, name: str) -> bool:
    statement = sa.select(capacity_providers.c.id).where(
        capacity_providers.c.account == scope.account,
        capacity_providers.c.region == scope.region,
        capacity_providers.c.name == name,
        capacity_providers.c.status == "ACTIVE",
    )
    return connection.execute(statement).first() is not None
