"""`moorage verify`: its table, its exit status, and what --repair does not do by itself."""

from __future__ import annotations

import pytest

from registry.domain.repositories import Repository
from registry.values.digest import Digest
from tests import images
from tests.application import Registry
from tests.commands.running import moorage, result_of

LAYERS = [images.Blob(b"layer %d" % n, images.OCI_LAYER, "x") for n in range(12)]


@pytest.fixture
def repository(registry: Registry) -> Repository:
    made = registry.create("team/app")
    registry.hold("team/app", images.oci_image(*LAYERS), "v1")
    return made


def lose(registry: Registry, *lost: images.Blob) -> None:
    for blob in lost:
        folder = registry.settings.data / "storage/blobs"
        (path,) = folder.glob(f"*/*/*/{Digest.parse(blob.digest).hex}/*")
        path.unlink()


def test_all_is_well(registry: Registry, repository: Repository) -> None:
    told = moorage(registry.settings.data, "verify")
    assert told.splitlines()[-1].startswith("13 blobs and 1 manifests, ")
    assert told.endswith(": all is well\n")
    assert repository.name == "team/app"


def test_what_is_lost_is_told_and_dropped_only_when_asked(
    registry: Registry, repository: Repository
) -> None:
    data = registry.settings.data
    lose(registry, LAYERS[0])
    before = registry.rows("tasks")
    told = moorage(data, "verify", status=1)
    line = f"missing  blob  {LAYERS[0].digest}  its bytes are not in storage"
    assert line in told.splitlines()
    assert told.endswith(": 1 missing\n")
    assert registry.rows("tasks") == before
    told = moorage(data, "verify", "--repair", status=1)
    assert f"missing  blob  {LAYERS[0].digest}  dropped; 1 images need it" in told
    assert "all is well" in moorage(data, "verify")
    with registry.http() as client:
        images.push(client, repository.name, images.oci_image(*LAYERS), "v1")
        url = f"/v2/{repository.name}/blobs/{LAYERS[0].digest}"
        assert client.get(url).content == LAYERS[0].content


def test_when_nearly_everything_is_lost_it_asks_first(
    registry: Registry, repository: Repository
) -> None:
    """A disk that is not mounted is no reason to forget what is on it."""
    data = registry.settings.data
    lose(registry, *LAYERS)
    before = registry.rows("tasks")
    result = result_of(data, "verify", "--repair")
    assert result.exit_code == 1
    assert "Nothing was repaired" in result.output
    assert registry.rows("tasks") == before
    moorage(data, "verify", "--repair", "--force", status=1)
    assert "all is well" in moorage(data, "verify")
    assert [row[2] for row in registry.rows()["blobs"]] != []
    assert repository.name == "team/app"


def test_a_rate_is_kept(registry: Registry, repository: Repository) -> None:
    registry.hold_blob(repository, b"x" * 300_000)
    told = moorage(registry.settings.data, "verify", "--rate", "1", "--again")
    assert "all is well" in told
