from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from registry.values.errors import ManifestReferenceUnknown
from tests import images
from tests.application import OpenRegistry, Registry

MANY = 2_500
"""More than one query looks up at once."""


def part(number: int, **extra: Any) -> dict[str, Any]:
    return {"mediaType": "a/b", "digest": f"sha256:{number:064x}", "size": 1, **extra}


def test_every_missing_part_of_many_is_named_once(registry: Registry) -> None:
    repository = registry.create("team/app")
    whole = images.oci_image(images.Blob(b"layer", images.OCI_LAYER, "x"))
    for blob in whole.blobs:
        registry.hold_blob(repository, blob.content)
    document = json.loads(whole.manifest)
    document["layers"] += [part(number) for number in range(MANY)] * 2
    with pytest.raises(ManifestReferenceUnknown) as refused:
        registry.images.put(repository, json.dumps(document).encode(), tag_names=["v1"])
    assert refused.value.digests == [str(part(number)["digest"]) for number in range(MANY)]
    assert not refused.value.images


def test_every_missing_image_of_many_is_named_once(open_one: OpenRegistry) -> None:
    registry = open_one()
    registry.images._sparse = "none"
    repository = registry.create("team/app")
    whole = images.oci_image(images.Blob(b"layer", images.OCI_LAYER, "x"))
    registry.hold("team/app", whole)
    listed = [whole.descriptor(), *(part(number) for number in range(MANY))]
    document = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": listed}
    with pytest.raises(ManifestReferenceUnknown) as refused:
        registry.images.put(repository, json.dumps(document).encode())
    assert refused.value.digests == [str(part(number)["digest"]) for number in range(MANY)]
    assert refused.value.images


def test_a_manifest_of_very_many_layers_does_not_hold_up_other_writers(
    registry: Registry,
) -> None:
    repository = registry.create("team/app")
    whole = images.oci_image(images.Blob(b"layer", images.OCI_LAYER, "x"))
    registry.hold("team/app", whole)
    document = json.loads(whole.manifest)
    document["layers"] = [part(number, urls=["https://elsewhere.test"]) for number in range(20_000)]
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(registry.ground.database.engine, "before_cursor_execute", count)
    registry.images.put(repository, json.dumps(document).encode(), tag_names=["v1"])
    assert 10 < len(statements) < 100
