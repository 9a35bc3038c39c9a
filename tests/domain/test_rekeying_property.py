"""Moves between keys among pushes, deletions and uploads in any order: all is whole in the end."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.values.digest import Digest
from tests import images as made
from tests.application import SCOPE, OpenRegistry, Registry
from tests.domain.moved import (
    NAME,
    WHO,
    check_readable,
    collect,
    keys_of,
    run,
    start,
    stop_after,
    verified,
)

NAMES = (NAME, "team/other")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 5), st.sampled_from(NAMES)),
        st.tuples(st.just("move"), st.integers(0, 2), st.sampled_from(NAMES)),
        st.tuples(st.just("go_on"), st.integers(1, 3), st.just("")),
        st.tuples(st.just("delete"), st.integers(0, 5), st.sampled_from(NAMES)),
        st.tuples(st.just("begin"), st.integers(0, 5), st.sampled_from(NAMES)),
        st.tuples(st.just("end"), st.just(0), st.just("")),
    ),
    max_size=14,
)


class World:
    """Two repositories, three keys, and what must be readable."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.keys = [registry.ground.keys.create(f"key {n}").key_id for n in range(3)]
        for name in NAMES:
            registry.create(name)
        self.held: dict[tuple[str, str], made.Image] = {}
        self.begun: list[tuple[str, str, bytes]] = []

    def push(self, number: int, name: str) -> None:
        shared = made.Blob(b"shared", made.OCI_LAYER, "x")
        image = made.oci_image(layer(number), shared)
        self.registry.hold(name, image, f"v{number}")
        self.held[name, f"v{number}"] = image

    def move(self, number: int, name: str) -> None:
        start(self.registry, self.keys[number], name)

    def go_on(self, number: int, _name: str) -> None:
        stop_after(self.registry, number)

    def delete(self, number: int, name: str) -> None:
        image = self.held.pop((name, f"v{number}"), None)
        if image is not None:
            repository = self.registry.repositories.get(SCOPE, name)
            self.registry.images.delete(repository, Digest.parse(image.digest))

    def begin(self, number: int, name: str) -> None:
        repository = self.registry.repositories.get(SCOPE, name)
        upload = self.registry.uploads.start(repository, WHO)
        content = layer(number).content
        self.registry.uploads.append(repository, WHO, upload.id, [content])
        self.begun.append((name, upload.id, content))

    def end(self, _number: int = 0, _name: str = "") -> None:
        if self.begun:
            name, upload_id, content = self.begun.pop(0)
            repository = self.registry.repositories.get(SCOPE, name)
            self.registry.uploads.finish(repository, WHO, upload_id, Digest.of(content))

    def check_manifests(self) -> None:
        for (name, tag), image in self.held.items():
            repository = self.registry.repositories.get(SCOPE, name)
            assert self.registry.images.get(repository, tag).content == image.manifest

    def check_all(self) -> None:
        """Once nothing is under way any more."""
        collect(self.registry)
        self.registry.check_whole()
        assert verified(self.registry).problems == []
        for name in NAMES:
            own = self.registry.repositories.get(SCOPE, name).key_id
            assert keys_of(self.registry, name) <= {own}
        for (name, tag), image in self.held.items():
            check_readable(self.registry, name, image, tag)


def layer(number: int) -> made.Blob:
    return made.Blob(f"layer {number}".encode() * 50, made.OCI_LAYER, "x")


@given(steps=STEPS)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_happens_in_between_all_is_whole_in_the_end(
    open_one: OpenRegistry, steps: list[tuple[str, int, str]]
) -> None:
    world = World(open_one())
    for what, number, name in steps:
        getattr(world, what)(number, name)
        world.check_manifests()
    while world.begun:
        world.end()
    run(world.registry)
    world.check_all()
