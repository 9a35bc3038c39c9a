"""Which capacity provider of a strategy the next task goes to.

Source: ECS API reference, CapacityProviderStrategyItem: `base` first, then by `weight`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecs.control.capacity import check_strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.ecs.control.clusters import Cluster


def provider_of(cluster: Cluster, strategy: Sequence[Mapping[str, Any]], number: int) -> str:
    """The provider of the `number`th task, from 0. Raises ServiceError."""
    check_strategy(strategy, cluster.document.get("capacityProviders", ()))
    for item in strategy:
        if number < item.get("base", 0):
            return str(item["capacityProvider"])
        number -= item.get("base", 0)
    weights = [item.get("weight", 0) for item in strategy]
    if not any(weights):
        return str(strategy[0]["capacityProvider"])
    shares = [0] * len(strategy)
    chosen = 0
    for _ in range(number + 1):
        behind = [(shares[index] / weight, index) for index, weight in enumerate(weights) if weight]
        chosen = min(behind)[1]
        shares[chosen] += 1
    return str(strategy[chosen]["capacityProvider"])
