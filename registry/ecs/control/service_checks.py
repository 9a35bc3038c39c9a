"""What a service may be asked to be.

Source: ECS API reference, CreateService, UpdateService, DeploymentConfiguration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecs.control.launching import EC2, FARGATE
from registry.ecs.control.service_rows import DAEMON
from registry.ecs.control.tasks import check_launch
from registry.ecs.errors import invalid, unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.ecs.control.clusters import Cluster
    from registry.ecs.control.definitions import Definition

_DEFAULTS = {
    False: {"maximumPercent": 200, "minimumHealthyPercent": 100},
    True: {"maximumPercent": 100, "minimumHealthyPercent": 0},
}
"""By whether it is a daemon."""
_WHOLE = 100
_NOT_ROLLING = (
    "lifecycleHooks",
    "linearConfiguration",
    "canaryConfiguration",
    "earlySuccessCriteria",
    "bakeTimeInMinutes",
)
_THRESHOLD_MAX = {"COUNT": 1000, "BOUNDED_PERCENT": 100, "UNBOUNDED_PERCENT": 100}


def checked_configuration(
    given: Mapping[str, Any], before: Mapping[str, Any] | None, *, daemon: bool
) -> dict[str, Any]:
    """A DeploymentConfiguration, with what is not given as it was `before` or by default.

    Raises ServiceError (InvalidParameterException, UnsupportedFeatureException).
    """
    _check_rolling(given)
    basis = before or {
        **_DEFAULTS[daemon],
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "strategy": "ROLLING",
    }
    found = {**basis, **{key: value for key, value in given.items() if key in basis}}
    least, most = found["minimumHealthyPercent"], found["maximumPercent"]
    if not 0 <= least <= _WHOLE:
        raise invalid("minimumHealthyPercent must be between 0 and 100.")
    if most < _WHOLE:
        raise invalid("maximumPercent must be at least 100.")
    if least == most == _WHOLE:
        raise invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block"
            " deployments."
        )
    if daemon and most != _WHOLE:
        raise invalid(
            "The daemon scheduling strategy does not support values above 100 for maximumPercent"
            " on the deployment configuration. Change the value to 100 or less, and try again."
        )
    _check_threshold(found["deploymentCircuitBreaker"].get("thresholdConfiguration"))
    return found


def _check_rolling(given: Mapping[str, Any]) -> None:
    if given.get("strategy", "ROLLING") != "ROLLING":
        raise unsupported(
            f"This server has no deployments of the strategy {given['strategy']}: ROLLING alone."
        )
    if (given.get("alarms") or {}).get("enable"):
        raise unsupported("This server has no CloudWatch alarms: deployments can't heed them.")
    for name in _NOT_ROLLING:
        if given.get(name):
            raise unsupported(f"This server has no deployments with {name}.")


def _check_threshold(given: Mapping[str, Any] | None) -> None:
    if given is None:
        return
    most = _THRESHOLD_MAX[given["type"]]
    if not 1 <= given["value"] <= most:
        raise invalid(f"The value of a threshold of type {given['type']} is from 1 to {most}.")


def check_controller(given: Mapping[str, Any] | None) -> None:
    """Raise ServiceError (UnsupportedFeatureException) for deployments that others control."""
    kind = (given or {}).get("type", "ECS")
    if kind != "ECS":
        raise unsupported(
            f"This server has no services with the deployment controller {kind}: ECS alone."
        )


def refuse(given: Mapping[str, Any]) -> None:
    """Raise ServiceError (InvalidParameterException) for what this server does not have."""
    for name, value in given.items():
        off = name == "serviceConnectConfiguration" and value and not value.get("enabled")
        if value and not off:
            raise invalid(f"This server does not support {name} of services.")


def checked_revision(
    definition: Definition, given: Mapping[str, Any], *, daemon: bool
) -> dict[str, Any]:
    """What a revision starts its tasks with: `given` by the model's names, checked together with
    its definition. Raises ServiceError (InvalidParameterException, ClientException).
    """
    found = {name: value for name, value in given.items() if value is not None}
    if found.get("launchType") and found.get("capacityProviderStrategy"):
        raise invalid(
            "Specifying both a launch type and capacity provider strategy is not supported."
            " Remove one and try again."
        )
    strategy = found.get("capacityProviderStrategy") or ()
    if not strategy:
        found.pop("capacityProviderStrategy", None)
        found.setdefault("launchType", EC2)
    fargate = found.get("launchType") == FARGATE or any(
        each["capacityProvider"].startswith(FARGATE) for each in strategy
    )
    if daemon and (fargate or strategy):
        raise invalid("The daemon scheduling strategy is supported by the launch type EC2 alone.")
    kind = FARGATE if fargate else found.get("launchType", EC2)
    check_launch(definition.document, kind, found.get("networkConfiguration"), {})
    if fargate:
        found.setdefault("platformVersion", "LATEST")
    elif found.get("platformVersion"):
        raise invalid("The platform version must be null when specifying an EC2 launch type.")
    found["taskDefinition"] = definition.arn
    containers = definition.document["containerDefinitions"]
    found["healthChecked"] = any(
        each.get("healthCheck") and each.get("essential", True) for each in containers
    )
    return found


def default_capacity(cluster: Cluster, given: Mapping[str, Any]) -> dict[str, Any]:
    """With the cluster's own strategy where a request names neither launch type nor strategy."""
    own = cluster.document.get("defaultCapacityProviderStrategy")
    if own and not given.get("launchType") and not given.get("capacityProviderStrategy"):
        return {**given, "capacityProviderStrategy": own}
    return dict(given)


def check_desired(number: int | None, strategy: str) -> int:
    """How many tasks a service is to have. Raises ServiceError (InvalidParameterException)."""
    if strategy == DAEMON:
        if number is not None:
            raise invalid(
                "The daemon scheduling strategy does not support a desired count for services."
                " Remove the desired count value and try again"
            )
        return 0
    if number is None:
        raise invalid("The replica scheduling strategy needs a desired count for services.")
    if number < 0:
        raise invalid("Desired count must be non-negative.")
    return number


def check_grace(seconds: int | None) -> None:
    """Raise ServiceError (InvalidParameterException): it is for load balancers."""
    if seconds:
        raise invalid(
            "Health check grace period is only valid for services configured to use load balancers"
        )
