from __future__ import annotations

import fnmatch
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.repositories import Encryption, Repository
from registry.domain.vault import PLAIN
from registry.values.errors import (
    KeyNotFound,
    NameInvalid,
    ParameterInvalid,
    RepositoryExists,
    RepositoryNotFound,
)
from tests.application import SCOPE, OpenRegistry, Registry

NOW = datetime(2026, 1, 2, tzinfo=UTC)
filters = st.lists(st.text("ab.*-_", min_size=1, max_size=4), max_size=3)
tags = st.text("ab.-_", min_size=1, max_size=5)


@given(tags, filters)
def test_exclusions_turn_the_rule_round(tag: str, exclusions: list[str]) -> None:
    mutable = Repository(
        id=1, scope=SCOPE, name="a/b", mutability="MUTABLE_WITH_EXCLUSION",
        exclusions=tuple(exclusions), encryption_type="AES256", key_id="k", scan_on_push=False,
        resource_tags=(),
        created_at=NOW,
    )  # fmt: skip
    immutable = replace(mutable, mutability="IMMUTABLE_WITH_EXCLUSION")
    named = any(fnmatch.fnmatchcase(tag, pattern) for pattern in exclusions)
    assert mutable.fixes(tag) == named
    assert immutable.fixes(tag) == (not named)


def test_names_are_checked_and_taken_once(registry: Registry) -> None:
    before = registry.rows()
    for name in ("A", "a//b", "../a", "a" * 257):
        with pytest.raises(NameInvalid):
            registry.create(name)
        with pytest.raises(NameInvalid):
            registry.repositories.get(SCOPE, name)
    with pytest.raises(RepositoryNotFound):
        registry.repositories.get(SCOPE, "team/app")
    assert registry.rows() == before
    registry.create("team/app")
    with pytest.raises(RepositoryExists):
        registry.create("team/app")
    elsewhere = replace(SCOPE, region="eu-north-1")
    with pytest.raises(RepositoryNotFound):
        registry.repositories.get(elsewhere, "team/app")
    registry.repositories.create(elsewhere, "team/app")


def test_a_key_that_is_not_there_makes_nothing(registry: Registry) -> None:
    with pytest.raises(KeyNotFound, match="alias/none"):
        registry.create("team/app", encryption=Encryption("KMS", "alias/none"))
    with pytest.raises(ParameterInvalid, match="KMS"):
        registry.create("team/app", encryption=Encryption("AES256", "alias/aws/ecr"))
    assert registry.rows()["repositories"] == []


def test_without_encryption_no_key_is_used(open_one: OpenRegistry) -> None:
    registry = open_one(encryption=False)
    registry.ecr().create_repository(repositoryName="team/app")
    assert registry.repositories.get(SCOPE, "team/app").key_id == PLAIN


def test_another_worker_sees_a_deletion_at_once(registry: Registry) -> None:
    beside = registry.beside()
    registry.create("team/app")
    assert beside.repositories.get(SCOPE, "team/app").name == "team/app"
    registry.repositories.delete(SCOPE, "team/app")
    with pytest.raises(RepositoryNotFound):
        beside.repositories.get(SCOPE, "team/app")
    beside.close()
