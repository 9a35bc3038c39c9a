"""ECS's operations on clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.ecs import arns
from registry.ecs.control import tags as labels
from registry.ecs.control.clusters import described
from registry.ecs.errors import invalid
from registry.ecs.paging import page_size
from registry.ecs.service import ecs, named_cluster, request_tags, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecs.type_defs import (
        CapacityProviderStrategyItemTypeDef,
        ClusterConfigurationTypeDef,
        ClusterServiceConnectDefaultsRequestTypeDef,
        ClusterSettingTypeDef,
        TagTypeDef,
    )

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.database.database import Database
    from registry.ecs.control.clusters import Clusters

_DESCRIBED_MAX = 100


def named_clusters(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARNs of the clusters that `clusters` names, `default` without."""
    scope = scope_of(context)
    given = parameters.get("clusters") or (None,)
    return tuple(arns.cluster_arn(scope, arns.cluster_name(scope, each)) for each in given)


class ClusterOperations:
    """Create, describe, list, change, delete."""

    def __init__(self, clusters: Clusters, database: Database, pages: Pages) -> None:
        self._clusters = clusters
        self._database = database
        self._pages = pages

    @ecs.operation(resource=named_cluster, conditions=request_tags)
    def create_cluster(
        self,
        context: Context,
        *,
        cluster_name: str | None = None,
        tags: Sequence[TagTypeDef] = (),
        settings: Sequence[ClusterSettingTypeDef] = (),
        configuration: ClusterConfigurationTypeDef | None = None,
        capacity_providers: Sequence[str] = (),
        default_capacity_provider_strategy: Sequence[CapacityProviderStrategyItemTypeDef] = (),
        service_connect_defaults: ClusterServiceConnectDefaultsRequestTypeDef | None = None,
    ) -> Mapping[str, Any]:
        """A new cluster, or the one of that name as it is."""
        document: dict[str, Any] = {
            "settings": checked_settings(settings),
            "capacityProviders": list(capacity_providers),
            "defaultCapacityProviderStrategy": list(default_capacity_provider_strategy),
        }
        if configuration is not None:
            document["configuration"] = configuration
        if service_connect_defaults is not None:
            document["serviceConnectDefaults"] = service_connect_defaults
        cluster = self._clusters.create(
            scope_of(context), cluster_name or arns.DEFAULT_CLUSTER, document, labels.checked(tags)
        )
        with self._database.read() as connection:
            return {"cluster": described(connection, cluster, _EVERYTHING)}

    @ecs.operation(resource=named_clusters)
    def describe_clusters(
        self, context: Context, *, clusters: Sequence[str] = (), include: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """The clusters, with a failure for each that is missing."""
        if len(clusters) > _DESCRIBED_MAX:
            raise invalid(f"Clusters cannot have more than {_DESCRIBED_MAX} elements.")
        found, failures = self._clusters.describe(scope_of(context), clusters, include)
        return {"clusters": found, "failures": failures}

    @ecs.operation(resource=ANY)
    def list_clusters(
        self, context: Context, *, next_token: str | None = None, max_results: int | None = None
    ) -> Mapping[str, Any]:
        """ARNs of the active clusters, by name."""
        scope, limit = scope_of(context), page_size(max_results)
        listing = f"clusters {context.caller.arn} {scope}"
        after = self._pages.open(listing, next_token, "")
        names = self._clusters.names(scope, after, limit + 1)
        found: dict[str, Any] = {
            "clusterArns": [arns.cluster_arn(scope, name) for name in names[:limit]]
        }
        if len(names) > limit:
            found["nextToken"] = self._pages.seal(listing, names[limit - 1])
        return found

    @ecs.operation(resource=named_cluster)
    def update_cluster(
        self,
        context: Context,
        *,
        cluster: str,
        settings: Sequence[ClusterSettingTypeDef] | None = None,
        configuration: ClusterConfigurationTypeDef | None = None,
        service_connect_defaults: ClusterServiceConnectDefaultsRequestTypeDef | None = None,
    ) -> Mapping[str, Any]:
        """Change what is given, and nothing else."""
        changed: dict[str, Any] = {}
        if settings is not None:
            changed["settings"] = checked_settings(settings)
        if configuration is not None:
            changed["configuration"] = configuration
        if service_connect_defaults is not None:
            changed["serviceConnectDefaults"] = service_connect_defaults
        return {"cluster": self._clusters.change(scope_of(context), cluster, changed)}

    @ecs.operation(resource=named_cluster)
    def update_cluster_settings(
        self, context: Context, *, cluster: str, settings: Sequence[ClusterSettingTypeDef]
    ) -> Mapping[str, Any]:
        """Change the settings alone."""
        changed = {"settings": checked_settings(settings)}
        return {"cluster": self._clusters.change(scope_of(context), cluster, changed)}

    @ecs.operation(resource=named_cluster)
    def put_cluster_capacity_providers(
        self,
        context: Context,
        *,
        cluster: str,
        capacity_providers: Sequence[str],
        default_capacity_provider_strategy: Sequence[CapacityProviderStrategyItemTypeDef],
    ) -> Mapping[str, Any]:
        """Which capacity providers its tasks may use, and which they use by default."""
        changed = {
            "capacityProviders": list(capacity_providers),
            "defaultCapacityProviderStrategy": list(default_capacity_provider_strategy),
        }
        return {"cluster": self._clusters.change(scope_of(context), cluster, changed)}

    @ecs.operation(resource=named_cluster)
    def delete_cluster(self, context: Context, *, cluster: str) -> Mapping[str, Any]:
        """Make an empty cluster INACTIVE."""
        return {"cluster": self._clusters.delete(scope_of(context), cluster)}


_EVERYTHING = ("SETTINGS", "CONFIGURATIONS", "TAGS")


def checked_settings(settings: Sequence[ClusterSettingTypeDef]) -> list[dict[str, str]]:
    """The settings of a cluster. Raises ServiceError (InvalidParameterException)."""
    for setting in settings:
        if setting.get("value") not in {"enabled", "enhanced", "disabled"}:
            raise invalid(
                f"Invalid value {setting.get('value')} for the setting {setting.get('name')}:"
                " it is enabled, enhanced or disabled."
            )
    known = {each.get("name", ""): each.get("value", "") for each in settings}
    return [
        {"name": name, "value": value}
        for name, value in {"containerInsights": "disabled", **known}.items()
    ]
