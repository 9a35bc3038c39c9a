"""What the tests of replication share: regions, rules, pushes."""

from __future__ import annotations

import threading
from typing import Any

from registry.domain.repositories import Repository
from registry.stores import replicator_of
from registry.values.scope import Scope
from tests import images
from tests.application import ACCOUNT, REGION, Registry
from tests.ecr.calls import NAME, image
from tests.identities import OTHER

EU, AP = Scope(ACCOUNT, "eu-west-1"), Scope(ACCOUNT, "ap-south-1")
THEIRS = Scope(OTHER, REGION)
FIRST, SECOND = image("first"), image("second")
INDEX = images.multi_arch()


def rule(*where: Scope, prefix: str | None = None, deletions: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {
        "destinations": [{"region": each.region, "registryId": each.account} for each in where]
    }
    if prefix is not None:
        made["repositoryFilters"] = [{"filter": prefix, "filterType": "PREFIX_MATCH"}]
    if deletions:
        made["deleteReplication"] = {"enabled": True}
    return made


def configure(registry: Registry, *rules: Any) -> None:
    configuration: Any = {"rules": list(rules)}
    registry.ecr().put_replication_configuration(replicationConfiguration=configuration)


def push(registry: Registry, what: images.Image, tag: str | None, name: str = NAME) -> None:
    with registry.http() as docker:
        images.push(docker, name, what, tag)


def replicate(registry: Registry) -> int:
    return replicator_of(registry.settings, registry.ground, registry.stores).run(threading.Event())


def there(registry: Registry, scope: Scope = EU, name: str = NAME) -> Repository:
    return registry.repositories.get(scope, name)


def statuses(registry: Registry, tag: str, name: str = NAME) -> dict[tuple[str, str], Any]:
    answer = registry.ecr().describe_image_replication_status(
        repositoryName=name, imageId={"imageTag": tag}
    )
    assert answer["repositoryName"] == name
    assert answer["imageId"]["imageTag"] == tag
    return {
        (each["registryId"], each["region"]): (each["status"], each.get("failureCode"))
        for each in answer["replicationStatuses"]
    }
