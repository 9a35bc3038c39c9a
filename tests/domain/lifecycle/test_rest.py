"""What a policy deletes rests like everything deleted, and what is protected it leaves alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from registry.domain.lifecycle.acting import Done
from registry.domain.lifecycle.runs import AGAIN
from registry.domain.protection import Protections
from registry.domain.undelete import Undelete
from tests import images
from tests.application import SCOPE, Registry
from tests.domain.lifecycle.holding import NAME, done, hold, image, left, put, repository, run, runs
from tests.domain.lifecycle.world import aged, policy, rule

BY_AGE = policy(rule(**aged(30)))


@pytest.fixture(autouse=True)
def _repository(registry: Registry) -> None:
    registry.create(NAME)


def undelete(registry: Registry) -> Undelete:
    return Undelete(registry.ground.database)


def test_what_went_with_its_signature_comes_back_with_it(registry: Registry) -> None:
    made = image("a")
    signature = images.artifact("application/vnd.sig", b"sig", subject=made)
    old, signed = hold(registry, made, "v1", age=31), hold(registry, signature, age=31)
    put(registry, BY_AGE)
    assert done(registry).expired == 2
    assert left(registry) == set()
    (item,) = [e for e in undelete(registry).page(SCOPE, NAME, None, 9) if e.digest == old]
    back = undelete(registry).restore(SCOPE, item.id)
    assert (set(back.images), back.tags) == ({old, signed}, ("v1",))
    assert left(registry) == {old, signed}


def test_what_is_protected_stays_with_its_signature(registry: Registry) -> None:
    made = image("a")
    signature = images.artifact("application/vnd.sig", b"sig", subject=made)
    old, signed = hold(registry, made, "v1", age=31), hold(registry, signature, age=31)
    dev = hold(registry, image("b"), "dev", age=31)
    Protections(registry.ground.database).set(repository(registry), itself=None, patterns=["v*"])
    put(registry, BY_AGE)
    would, _ = runs(registry).select(repository(registry).id, BY_AGE)
    assert done(registry) == Done(expired=1), "what the preview said would go"
    assert [str(each.image.digest) for each in would] == [str(dev)]
    assert left(registry) == {old, signed}


def test_the_policy_of_a_deleted_repository_waits_for_it(registry: Registry) -> None:
    old = hold(registry, image("a"), age=31)
    put(registry, BY_AGE)
    registry.repositories.delete(SCOPE, NAME, force=True)
    registry.create("team/other")
    put(registry, BY_AGE, "team/other")
    # The other one runs, though the first is due for longer.
    assert len(run(registry)) == 1
    (item,) = undelete(registry).page(SCOPE, None, None, 9)
    undelete(registry).restore(SCOPE, item.id)
    assert left(registry) == {old}
    assert done(registry, AGAIN + timedelta(minutes=3)).expired == 1
