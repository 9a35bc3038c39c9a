from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.keys.ring import Alias, KeyState, KeyVersion, MasterKey, Ring, Rotation
from registry.keys.ringjson import decode, encode

times = st.datetimes(timezones=st.just(UTC))
secrets = st.binary(min_size=32, max_size=32)
versions = st.builds(KeyVersion, st.integers(1, 2**32 - 1), secrets, times, st.booleans())
texts = st.text(st.characters(exclude_categories=["Cs"]))
keys = st.builds(
    MasterKey,
    key_id=st.uuids().map(str),
    description=texts,
    created=times,
    versions=st.lists(versions, min_size=1, max_size=3, unique_by=lambda v: v.number).map(tuple),
    state=st.sampled_from(KeyState),
    deletion_date=st.none() | times,
    named=st.builds(Alias, st.uuids().map(lambda u: f"alias/{u}"), times, times).map(
        lambda alias: (alias,)
    ),
    managed=st.booleans(),
    account=st.sampled_from(["", "123456789012"]),
    region=st.sampled_from(["", "us-east-1"]),
    policy=st.none() | texts,
    tags=st.dictionaries(texts, texts, max_size=3).map(lambda tags: tuple(tags.items())),
    rotation=st.none() | st.builds(Rotation, st.integers(90, 2560), times),
)
rings = st.builds(
    Ring, secrets, st.lists(keys, max_size=3, unique_by=lambda k: (k.key_id, k.aliases)).map(tuple)
)


@given(rings)
def test_what_is_written_is_read_again(ring: Ring) -> None:
    assert decode(encode(ring)) == ring


def document() -> Any:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    one = MasterKey(
        "one", "", now, (KeyVersion(1, b"m" * 32, now),), named=(Alias("alias/a", now, now),)
    )
    return json.loads(encode(Ring(b"r" * 32, (one,))))


def test_a_keyring_from_before_aliases_had_dates_is_read() -> None:
    text = document()
    assert text["keys"][0].pop("alias_dates").keys() == {"alias/a"}
    ring = decode(json.dumps(text).encode())
    assert ring is not None
    assert ring.keys[0].named == (Alias("alias/a"),)
    assert decode(encode(ring)) == ring


def test_other_zones_are_read_as_the_same_time() -> None:
    text = document()
    text["keys"][0]["created"] = "2026-01-01T02:00:00+02:00"
    ring = decode(json.dumps(text).encode())
    assert ring is not None
    assert ring.keys[0].created == datetime(2026, 1, 1, tzinfo=UTC)
    assert ring.keys[0].created.utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b"{}"])
def test_other_text_is_not_a_keyring(text: bytes) -> None:
    assert decode(text) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.update(version=2),
        lambda d: d.update(format="other"),
        lambda d: d.update(root_secret="AAAA"),
        lambda d: d.update(root_secret="*" * 44),
        lambda d: d.update(keys=None),
        lambda d: d["keys"].append(d["keys"][0]),
        lambda d: d["keys"].append(d["keys"][0] | {"key_id": "two"}),
        lambda d: d["keys"][0].update(versions=[]),
        lambda d: d["keys"][0]["versions"].append(d["keys"][0]["versions"][0]),
        lambda d: d["keys"][0].update(state="Lost"),
        lambda d: d["keys"][0].update(created="2026-01-01T00:00:00"),
        lambda d: d["keys"][0].update(created=5),
        lambda d: d["keys"][0].pop("managed"),
        lambda d: d["keys"][0].pop("account"),
        lambda d: d["keys"][0].update(tags=[]),
        lambda d: d["keys"][0].update(rotation={"days": 90}),
    ],
)
def test_a_damaged_keyring_is_none(damage: Any) -> None:
    text = document()
    assert decode(json.dumps(text).encode()) is not None
    damage(text)
    assert decode(json.dumps(text).encode()) is None
