"""What the parts of one agent work with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from registry.ecs.agent.cgroups import Cgroups
from registry.ecs.agent.collaborators import Collaborators
from registry.ecs.agent.engine import Engine
from registry.ecs.agent.journal import Journal
from registry.ecs.agent.names import Names
from registry.ecs.agent.settings import AgentSettings
from registry.ecs.agent.volumes import Volumes


@dataclass(frozen=True, slots=True)
class Bench:
    """One engine, one journal, and what goes with them."""

    engine: Engine
    journal: Journal
    names: Names
    settings: AgentSettings
    volumes: Volumes
    cgroups: Cgroups
    others: Collaborators
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
