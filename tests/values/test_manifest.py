from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.values.digest import Digest
from registry.values.errors import ManifestInvalid, ManifestTooLarge
from registry.values.manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    SIZE_MAX,
    parse,
)

DIGEST = str(Digest.of(b"content"))
PART = {"mediaType": "application/octet-stream", "digest": DIGEST, "size": 7}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = ["schemaVersion", "mediaType", "config", "layers", "manifests", "subject",
           "artifactType", "annotations"]  # fmt: skip
PART_MEMBERS = ["mediaType", "digest", "size", "urls"]


def image(**changed: Any) -> dict[str, Any]:
    whole = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": PART, "layers": [PART]}
    return {name: value for name, value in (whole | changed).items() if value is not ...}


def index(**changed: Any) -> dict[str, Any]:
    whole = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [PART]}
    return {name: value for name, value in (whole | changed).items() if value is not ...}


def refusal(content: object, media_type: str | None = None) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(ManifestInvalid) as refused:
        parse(raw, media_type)
    return str(refused.value)


def test_an_image_is_read() -> None:
    document = image(
        subject=PART, artifactType="application/x", annotations={"a": "b"}, layers=[PART, PART]
    )
    content = json.dumps(document).encode()
    found = parse(content, OCI_MANIFEST)
    assert found.content == content
    assert not found.is_index
    assert [str(part.digest) for part in found.blobs] == [DIGEST] * 3
    assert (str(found.subject), found.artifact_type) == (DIGEST, "application/x")
    assert found.annotations == {"a": "b"}
    assert found.image_size == len(content) + 21


def test_an_artifact_has_the_type_of_its_config_if_it_names_none() -> None:
    found = parse(json.dumps(image(config=PART | {"mediaType": "application/c"})).encode())
    assert found.artifact_type == "application/c"


def test_an_index_is_read() -> None:
    for kind in (OCI_INDEX, DOCKER_LIST):
        found = parse(json.dumps(index(mediaType=kind)).encode(), kind)
        assert found.is_index
        assert [str(part.digest) for part in found.manifests] == [DIGEST]
        assert (found.config, found.layers, found.artifact_type) == (None, (), None)


@pytest.mark.parametrize("kind", ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"])  # fmt: skip
def test_a_foreign_layer_may_lie_elsewhere(kind: str) -> None:
    layers = [PART, PART | {"mediaType": kind}, PART | {"urls": ["https://elsewhere.test"]}]
    found = parse(json.dumps(image(layers=layers)).encode())
    assert [part.elsewhere for part in found.layers] == [False, True, True]


def test_the_type_is_told_by_the_document_the_header_or_the_members() -> None:
    assert parse(json.dumps(image(mediaType=...)).encode()).media_type == OCI_MANIFEST
    assert parse(json.dumps(index(mediaType=...)).encode()).media_type == OCI_INDEX
    untyped = json.dumps(image(mediaType=...)).encode()
    assert parse(untyped, f"{DOCKER_MANIFEST}; charset=utf-8").media_type == DOCKER_MANIFEST
    assert parse(json.dumps(image()).encode(), OCI_MANIFEST.upper()).media_type == OCI_MANIFEST


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (image(schemaVersion=1), "schemaVersion"),
        (image(schemaVersion=...), "schemaVersion"),
        (image(schemaVersion="2"), "schemaVersion"),
        (image(schemaVersion=2.0), "schemaVersion"),
        (image(schemaVersion=True), "schemaVersion"),
        (image(mediaType=7), "mediaType"),
        (image(mediaType="x" * 256), "mediaType"),
        (image(mediaType="text/plain"), "'text/plain' is not supported"),
        (image(config=...), "config"),
        (image(config=None), "config"),
        (image(config=[PART]), "config"),
        (image(layers=...), "layers"),
        (image(layers=PART), "layers"),
        (image(layers=[PART, 7]), r"layers[1]"),
        (image(layers=[PART | {"size": -1}]), "layers[0].size"),
        (image(layers=[PART | {"size": 7.0}]), "layers[0].size"),
        (image(layers=[PART | {"size": True}]), "layers[0].size"),
        (image(layers=[PART | {"size": "7"}]), "layers[0].size"),
        (image(layers=[PART | {"size": 1 << 63}]), "layers[0].size"),
        (image(layers=[PART | {"size": (1 << 63) - 1}] * 2), "sizes come to"),
        (image(layers=[PART | {"digest": None}]), "layers[0].digest"),
        (image(layers=[PART | {"digest": "sha256:12"}]), "layers[0].digest"),
        (image(layers=[PART | {"digest": "md5:" + "0" * 32}]), "'md5' is not supported"),
        (image(layers=[PART | {"mediaType": ""}]), "layers[0].mediaType"),
        (image(layers=[PART | {"mediaType": 7}]), "layers[0].mediaType"),
        (image(config=PART | {"mediaType": "\ud800"}), "config.mediaType"),
        (image(config=PART | {"mediaType": "x" * 256}), "config.mediaType"),
        (image(artifactType="a/\udfff"), "artifactType"),
        (image(artifactType=["a"]), "artifactType"),
        (image(subject="sha256:x"), "subject"),
        (image(subject=PART | {"digest": "x"}), "subject.digest"),
        (image(annotations=[]), "annotations"),
        (image(annotations={"a": 1}), "annotations"),
        (image(annotations={"a": None}), "annotations"),
        (image(manifests=[PART]), "either layers or manifests"),
        (index(manifests=...), "manifests"),
        (index(manifests={}), "manifests"),
        (index(manifests=[PART, None]), "manifests[1]"),
        ({"schemaVersion": 2}, "neither config nor manifests"),
        ([], "not a JSON object"),
        ("text", "not a JSON object"),
        (None, "not a JSON object"),
    ],
)  # fmt: skip
def test_the_field_that_is_wrong_is_named(document: object, named: str) -> None:
    assert named in refusal(document)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{", "not JSON"),
        (json.dumps(image()).encode("utf-16"), "not JSON"),
        (json.dumps(image()).encode("utf-32-le"), "not JSON"),
        (b"\xef\xbb\xbf" + json.dumps(image()).encode(), "not JSON"),
        (json.dumps(image()).encode() + b"{}", "not JSON"),
        (b'{"schemaVersion": 2, "a": NaN}', "NaN"),
        (b'{"schemaVersion": 2, "a": -Infinity}', "Infinity"),
        (b'{"schemaVersion": 2, "schemaVersion": 2}', "'schemaVersion' stands twice"),
        (b'{"config": {"size": 1, "size": 2}}', "'size' stands twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "not JSON"),
        (b'{"a":' * 100_000, "not JSON"),
    ],
)
def test_bytes_that_are_not_strict_json_are_refused(content: bytes, named: str) -> None:
    assert named in refusal(content)


def test_the_header_must_agree_with_the_document() -> None:
    assert DOCKER_MANIFEST in refusal(image(), DOCKER_MANIFEST)
    assert "'text/plain'" in refusal(image(mediaType=...), "text/plain")


def test_four_mebibytes_are_allowed_and_one_byte_more_is_not() -> None:
    content = json.dumps(image()).encode()
    assert parse(content + b" " * (SIZE_MAX - len(content))).media_type == OCI_MANIFEST
    with pytest.raises(ManifestTooLarge, match=str(SIZE_MAX + 1)):
        parse(content + b" " * (SIZE_MAX + 1 - len(content)))


def test_a_twin_at_the_end_of_very_many_members_is_found_at_once() -> None:
    members = ",".join(f'"{number}":1' for number in range(300_000))
    started = time.thread_time()
    assert "stands twice" in refusal(f'{{{members},"299999":1}}'.encode())
    assert time.thread_time() - started < 10


@settings(max_examples=300)
@given(st.binary() | anything.map(lambda value: json.dumps(value).encode()))
def test_nothing_but_manifest_invalid_is_raised(content: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        parse(content)


@settings(max_examples=300)
@given(st.sampled_from([image, index]), st.dictionaries(st.sampled_from(MEMBERS), anything))
def test_no_member_of_any_value_breaks_the_reader(make: Any, changed: dict[str, Any]) -> None:
    _read_or_refuse(make(**changed))


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(PART_MEMBERS), anything, min_size=1))
def test_no_member_of_a_descriptor_breaks_the_reader(changed: dict[str, Any]) -> None:
    _read_or_refuse(image(layers=[PART | changed]))


def _read_or_refuse(document: dict[str, Any]) -> None:
    content = json.dumps(document).encode()
    try:
        found = parse(content)
    except ManifestInvalid as refused:
        str(refused).encode()
    else:
        assert found.content == content
        assert found.image_size < 1 << 63
