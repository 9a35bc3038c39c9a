from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.config import Settings
from registry.domain.repositories import Repositories
from registry.domain.resting import Removal
from registry.domain.vault import Vault
from registry.ground import lay_ground
from tests.domain.policyfiles.world import World


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory as the first start leaves it, to be copied."""
    data = tmp_path_factory.mktemp("policyfiles") / "data"
    World.make(data).ground.close()
    return data


@pytest.fixture
def world(first_start: Path, tmp_path: Path) -> Iterator[World]:
    data = tmp_path / "data"
    shutil.copytree(first_start, data)
    ground = lay_ground(Settings(data=data))
    vault = Vault(ground.storage, ground.keys)
    yield World(
        ground, Repositories(ground.database, ground.cache, vault, ground.keys, removal=Removal())
    )
    ground.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty directory for policy files."""
    path = tmp_path / "policies"
    path.mkdir()
    return path
