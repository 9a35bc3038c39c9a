"""Copies and moves as somebody asks for them: by tag, by digest, all."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.domain.copying.orders import Order
from registry.domain.repositories import Repository
from registry.values.digest import Digest
from registry.values.errors import Denied, ImageNotFound, ImageReferenced, ParameterInvalid
from tests import images
from tests.application import SCOPE, Registry
from tests.domain.copying.places import check_pullable, content, digest, orders

INDEX = images.multi_arch()
CHILD = INDEX.children[0]
SIGNATURE = images.artifact("application/x-signature", b"signed", INDEX)
PLAIN = images.oci_image(images.layer({"b": b"plain"}))
WHOLE = {each.digest for each in (INDEX, *INDEX.children, SIGNATURE)}


@pytest.fixture
def source(registry: Registry) -> Repository:
    repository = registry.create("team/app")
    registry.hold("team/app", INDEX, "v1")
    registry.hold("team/app", SIGNATURE)
    registry.hold("team/app", PLAIN, "plain")
    registry.hold("team/app", PLAIN, "also")
    return repository


@pytest.fixture
def target(registry: Registry) -> Repository:
    return registry.create("other/app")


def test_by_tag_that_tag_comes(registry: Registry, source: Repository, target: Repository) -> None:
    copied = orders(registry).one(Order(source, target), "plain")
    assert copied.tags == ("plain",)
    assert content(registry, target) == {PLAIN.digest: {"plain"}}


def test_by_digest_all_its_tags_come(
    registry: Registry, source: Repository, target: Repository
) -> None:
    orders(registry).one(Order(source, target), digest(PLAIN))
    assert content(registry, target) == {PLAIN.digest: {"plain", "also"}}


def test_under_a_new_tag(registry: Registry, source: Repository, target: Repository) -> None:
    orders(registry).one(Order(source, target, rename="stable"), "v1")
    assert content(registry, target)[INDEX.digest] == {"stable"}


def test_a_move_takes_all_that_belongs_to_it(
    registry: Registry, source: Repository, target: Repository
) -> None:
    orders(registry).one(Order(source, target, move=True), "v1")
    assert set(content(registry, target)) == WHOLE
    check_pullable(registry, target, INDEX)
    check_pullable(registry, target, SIGNATURE)
    assert content(registry, source) == {PLAIN.digest: {"plain", "also"}}


def test_a_move_by_one_of_two_tags_leaves_the_other(
    registry: Registry, source: Repository, target: Repository
) -> None:
    orders(registry).one(Order(source, target, move=True), "plain")
    assert content(registry, source)[PLAIN.digest] == {"also"}
    orders(registry).one(Order(source, target, move=True), digest(PLAIN))
    assert PLAIN.digest not in content(registry, source)
    assert content(registry, target) == {PLAIN.digest: {"plain", "also"}}


def test_a_move_leaves_a_child_that_is_tagged(
    registry: Registry, source: Repository, target: Repository
) -> None:
    registry.hold("team/app", CHILD, "amd64")
    orders(registry).one(Order(source, target, move=True), "v1")
    assert content(registry, source) == {PLAIN.digest: {"plain", "also"}, CHILD.digest: {"amd64"}}
    check_pullable(registry, source, CHILD)


def test_what_an_index_lists_is_copied_but_stays(
    registry: Registry, source: Repository, target: Repository
) -> None:
    with pytest.raises(ImageReferenced, match=INDEX.digest):
        orders(registry).one(Order(source, target, move=True), digest(CHILD))
    assert CHILD.digest in content(registry, target)
    assert CHILD.digest in content(registry, source)


def test_all_in_two_passes_of_a_move(
    registry: Registry, source: Repository, target: Repository
) -> None:
    """Children come before their index; they go with it, or are gone before the second pass."""
    registry.hold("team/app", CHILD, "amd64")
    for _ in range(2):
        for _, each in orders(registry).page(source, 0):
            try:
                orders(registry).one(Order(source, target, move=True), each)
            except (ImageReferenced, ImageNotFound):
                continue
    assert content(registry, source) == {}
    assert content(registry, target) == {each: set() for each in WHOLE} | {
        INDEX.digest: {"v1"}, CHILD.digest: {"amd64"}, PLAIN.digest: {"plain", "also"},
    }  # fmt: skip


def test_within_a_repository_a_move_renames(registry: Registry, source: Repository) -> None:
    orders(registry).one(Order(source, source, rename="v2"), "v1")
    assert content(registry, source)[INDEX.digest] == {"v1", "v2"}
    orders(registry).one(Order(source, source, rename="v3", move=True), "v1")
    assert content(registry, source)[INDEX.digest] == {"v2", "v3"}
    orders(registry).one(Order(source, source, rename="v3", move=True), digest(INDEX))
    assert content(registry, source)[INDEX.digest] == {"v3"}
    check_pullable(registry, source, INDEX)


def test_what_makes_no_sense(registry: Registry, source: Repository, target: Repository) -> None:
    for order, everything in (
        (Order(source, source), False),
        (Order(source, source, rename="x"), True),
        (Order(source, target, rename="x"), True),
    ):
        with pytest.raises(ParameterInvalid):
            order.check(everything=everything)
    Order(source, target).check(everything=True)
    Order(source, source, rename="x").check(everything=False)


def test_who_may_not_write_a_tag_copies_nothing(
    registry: Registry, source: Repository, target: Repository
) -> None:
    asked: list[tuple[Sequence[str], Sequence[str]]] = []

    def permit(written: Sequence[str], deleted: Sequence[str]) -> None:
        asked.append((written, deleted))
        raise Denied("no")

    before = registry.stored()
    with pytest.raises(Denied):
        orders(registry).one(Order(source, target, rename="new", move=True), "v1", permit)
    assert asked == [(("new",), ("v1",))]
    assert registry.stored() == before


def test_a_child_that_is_tagged_meanwhile_stays(
    registry: Registry, source: Repository, target: Repository
) -> None:
    def tag(_written: Sequence[str], _deleted: Sequence[str]) -> None:
        registry.hold("team/app", INDEX, "new")

    orders(registry).one(Order(source, target, move=True), "v1", tag)
    assert content(registry, source)[INDEX.digest] == {"new"}
    check_pullable(registry, source, INDEX)
    check_pullable(registry, target, INDEX)


POOL = [
    *INDEX.children, INDEX, SIGNATURE, PLAIN,
    images.index({"amd64": INDEX.children[0]}),
    images.artifact("application/x-sbom", b"bill", PLAIN),
]  # fmt: skip


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    pushes=st.lists(
        st.tuples(st.integers(0, len(POOL) - 1), st.sampled_from(["", "a", "b"])), max_size=6
    ),
    moved=st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=4),
)
def test_whatever_is_moved_everything_is_whole_and_nothing_lost(
    registry: Registry, pushes: list[tuple[int, str]], moved: list[tuple[int, bool]]
) -> None:
    names = [f"{side}/r{len(registry.rows()['repositories'])}" for side in ("from", "to")]
    source, target = (registry.create(name) for name in names)
    for number, tag in pushes:
        registry.hold(names[0], POOL[number], tag or None)
    before = content(registry, source)
    for position, move in moved:
        here = sorted(content(registry, source))
        if not here:
            break
        reference = Digest.parse(here[position % len(here)])
        try:
            orders(registry).one(Order(source, target, move=move), reference)
        except ImageReferenced:
            continue
    by_digest = {image.digest: image for image in POOL}
    left, came = content(registry, source), content(registry, target)
    assert left.keys() | came.keys() == before.keys()
    for digest_, tags in before.items():
        assert left.get(digest_, set()) | came.get(digest_, set()) == tags
    for repository, held in ((source, left), (target, came)):
        for each in held:
            check_pullable(registry, repository, by_digest[each])
    assert source.scope == SCOPE


COSIGNED = images.artifact("application/x-cosign", b"old signature")
ATTESTED = images.artifact("application/x-attestation", b"attested")
SIG, ATT = (CHILD.digest.replace(":", "-") + end for end in (".sig", ".att"))
COUNTERSIGNED = images.artifact("application/x-cosign", b"signature of a signature")
SIG_OF_SIG = COSIGNED.digest.replace(":", "-") + ".sig"


@pytest.fixture
def cosigned(registry: Registry, source: Repository) -> Repository:
    """What only tags tie to an image below the index."""
    for image, tag in ((COSIGNED, SIG), (ATTESTED, ATT), (COUNTERSIGNED, SIG_OF_SIG)):
        registry.hold("team/app", image, tag)
    return source


TIED = {COSIGNED.digest: {SIG}, ATTESTED.digest: {ATT}, COUNTERSIGNED.digest: {SIG_OF_SIG}}


def test_signatures_by_tag_come_along_under_it(
    registry: Registry, cosigned: Repository, target: Repository
) -> None:
    orders(registry).one(Order(cosigned, target), "v1")
    found = content(registry, target)
    assert {digest: tags for digest, tags in found.items() if digest in TIED} == TIED
    assert found.keys() == WHOLE | TIED.keys()
    check_pullable(registry, target, COSIGNED)
    again = orders(registry).one(Order(cosigned, target), "v1")
    assert (again.images, again.linked) == (0, 0)
    assert content(registry, target) == found


def test_without_referrers_they_stay(
    registry: Registry, cosigned: Repository, target: Repository
) -> None:
    orders(registry).one(Order(cosigned, target, referrers=False), "v1")
    assert not TIED.keys() & content(registry, target).keys()


def test_a_newer_signature_comes_and_an_immutable_one_stays(
    registry: Registry, cosigned: Repository, target: Repository
) -> None:
    newer = images.artifact("application/x-cosign", b"new signature")
    orders(registry).one(Order(cosigned, target), "v1")
    registry.hold("team/app", newer, SIG)
    orders(registry).one(Order(cosigned, target), "v1")
    assert content(registry, target)[newer.digest] == {SIG}
    fixed = registry.create("fixed/app", mutability="IMMUTABLE")
    registry.hold("fixed/app", COSIGNED, SIG)
    copied = orders(registry).one(Order(cosigned, fixed), "v1")
    assert content(registry, fixed)[COSIGNED.digest] == {SIG}
    assert content(registry, fixed)[newer.digest] == set()
    assert SIG not in {tag for _, tag in copied.tied}


def test_a_move_takes_them_and_leaves_those_of_what_stays(
    registry: Registry, cosigned: Repository, target: Repository
) -> None:
    registry.hold("team/app", CHILD, "child")
    orders(registry).one(Order(cosigned, target, move=True), "v1")
    assert TIED.keys() <= content(registry, cosigned).keys()
    orders(registry).one(Order(cosigned, target, move=True), "child")
    assert content(registry, cosigned) == {PLAIN.digest: {"plain", "also"}}
    assert TIED.items() <= content(registry, target).items()
