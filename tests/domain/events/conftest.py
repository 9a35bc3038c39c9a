"""The application, with somebody who wants to hear of everything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import event_deliveries
from registry.domain.events.targets import Targets, Wish
from registry.domain.identities.secrets import Secrets
from tests.application import SCOPE, Registry, client, loop, open_one, registry, template

__all__ = ["client", "loop", "open_one", "registry", "template"]

URL = "https://hooks.example/in"


def targets_of(registry: Registry) -> Targets:
    return Targets(registry.ground.database, Secrets(registry.ground.keys.secret("event targets")))


@dataclass(frozen=True)
class Ear:
    """What one target is to be told."""

    registry: Registry
    targets: Targets
    name: str = "all"

    def heard(self) -> list[dict[str, Any]]:
        """The events that wait for the target, in order, and now no more."""
        target = self.targets.get(SCOPE, self.name)
        mine = event_deliveries.c.event_target_id == target.id
        query = sa.select(event_deliveries.c.body).where(mine).order_by(event_deliveries.c.id)
        with self.registry.ground.database.write() as connection:
            found = [json.loads(body) for body in connection.execute(query).scalars()]
            connection.execute(sa.delete(event_deliveries).where(mine))
        return found

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Their kinds and what they say, but for results and media types."""
        quiet = {"result", "manifest-media-type", "artifact-media-type"}
        return [
            (each["detail-type"], {k: v for k, v in each["detail"].items() if k not in quiet})
            for each in self.heard()
        ]


@pytest.fixture
def targets(registry: Registry) -> Targets:
    return targets_of(registry)


@pytest.fixture
def ear(registry: Registry, targets: Targets) -> Ear:
    targets.put(SCOPE, "all", Wish(URL))
    return Ear(registry, targets)
