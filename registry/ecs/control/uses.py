"""Which images ECS needs, told to the registry: its lifecycle policies then leave them alone.

What is told: what the tasks that have not stopped run, by digest as soon as it is known; what the
services run; what the ACTIVE task definitions name. The registry takes a report of each account
and region, which replaces the one before and holds for a lease (`docs/lifecycle.md`, "Images in
use").
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from registry.ecs import arns
from registry.ecs.control import service_rows
from registry.ecs.statuses import TaskStatus
from registry.ecs.store.tables import clusters, revisions, services, task_definitions, tasks
from registry.http.logs import fields
from registry.values.digest import Digest
from registry.values.errors import Invalid
from registry.values.reference import repository_name, tag_name
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.database.database import Database

REPORTER = "ecs"
LOOK_SECONDS = 1.0
"""How often it looks, at most."""
REPEAT_SECONDS = 6 * 3600.0
"""How often a report is made again that says nothing new; its lease is of seven days."""
RETRY_SECONDS = 10.0
IMAGES_MAX, BYTES_MAX = 10_000, 1_000_000
"""What one report can hold."""

_log = logging.getLogger("moorage.ecs")

Place = Callable[[str], Scope | None]
"""The registry of this server that an image's host means; None where it is another's."""
Send = Callable[[Scope, Sequence[str]], None]
"""Reports on a registry. Raises what it will where that fails."""


class Named(NamedTuple):
    """An image of this server."""

    scope: Scope
    image: str
    """`repository@digest` or `repository:tag`."""


@dataclass(slots=True)
class _Told:
    """What a registry was told."""

    images: frozenset[str] | None = None
    due: float = 0.0
    failing: bool = False
    cut: bool = False


@dataclass
class Uses:
    """Looks what is needed, and reports it when it changed, or after a while."""

    database: Database
    place: Place
    send: Send
    clock: Callable[[], float] = time.monotonic
    _looked: float | None = None
    _told: dict[Scope, _Told] = field(default_factory=dict)
    _definitions: dict[int, tuple[Named, ...]] = field(default_factory=dict)
    """Images of ACTIVE task definitions by the number of their row: they never change."""

    def step(self) -> None:
        """Report what there is to report. Raises Unavailable."""
        now = self.clock()
        if self._looked is not None and now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        for scope, images in self.needed().items():
            told = self._told.setdefault(scope, _Told())
            kept = _cut(images)
            changed = frozenset(kept) != told.images and not told.failing
            if changed or now >= told.due:
                self._tell(scope, kept, told, cut=len(kept) < len(images))

    def needed(self) -> dict[Scope, list[str]]:
        """Images by registry, what runs first; of registries that need none any more, none."""
        with self.database.read() as connection:
            owners = connection.execute(
                sa.select(clusters.c.account, clusters.c.region).distinct()
            ).all()
            named = [*self._run(connection), *self._served(connection), *self._defined(connection)]
        # What a process before this one reported is replaced too, where there is nothing left.
        found: dict[Scope, dict[str, None]] = {Scope(*each): {} for each in owners}
        found |= {scope: {} for scope in self._told}
        for scope, image in named:
            found.setdefault(scope, {})[image] = None
        return {scope: list(images) for scope, images in found.items()}

    def _run(self, connection: sa.Connection) -> Iterator[Named]:
        living = tasks.c.last_status != TaskStatus.STOPPED.value
        statement = sa.select(tasks.c.document).where(living).order_by(tasks.c.created_at.desc())
        for document in connection.execute(statement).scalars():
            for each in document.get("containers", ()):
                yield from self._named(each.get("image", ""), each.get("imageDigest"))

    def _served(self, connection: sa.Connection) -> Iterator[Named]:
        statement = (
            sa.select(revisions.c.document)
            .join(services, services.c.id == revisions.c.service_id)
            .where(services.c.status == service_rows.ACTIVE)
            .where(revisions.c.status != service_rows.INACTIVE)
        )
        wanted = {each["taskDefinition"] for each in connection.execute(statement).scalars()}
        for arn in sorted(wanted):
            parsed = arns.parse(arn)
            if parsed is None:
                continue
            family, _, revision = arn.rpartition("/")[2].rpartition(":")
            mine = (
                task_definitions.c.account == parsed.scope.account,
                task_definitions.c.region == parsed.scope.region,
                task_definitions.c.family == family,
                task_definitions.c.revision == int(revision),
            )
            query = sa.select(task_definitions.c.document).where(*mine)
            for document in connection.execute(query).scalars():
                yield from self._of_definition(document)

    def _defined(self, connection: sa.Connection) -> Iterator[Named]:
        active = task_definitions.c.status == "ACTIVE"
        newest = sa.select(task_definitions.c.id).where(active)
        ids = list(connection.execute(newest.order_by(task_definitions.c.id.desc())).scalars())
        for gone in self._definitions.keys() - ids:
            del self._definitions[gone]
        for number in ids:
            if number not in self._definitions:
                query = sa.select(task_definitions.c.document)
                row = connection.execute(query.where(task_definitions.c.id == number)).one()
                self._definitions[number] = tuple(self._of_definition(row.document))
            yield from self._definitions[number]

    def _of_definition(self, document: object) -> Iterator[Named]:
        assert isinstance(document, dict)  # noqa: S101 - as it is written
        for each in document.get("containerDefinitions", ()):
            yield from self._named(each.get("image", ""), None)

    def _named(self, image: str, digest: str | None) -> Iterator[Named]:
        """The image, if it is one of this server's."""
        host, slash, rest = image.partition("/")
        scope = self.place(host.lower()) if slash else None
        if scope is None:
            return
        try:
            yield Named(scope, _reference(rest, digest))
        except Invalid:
            return  # such an image cannot be pulled either

    def _tell(self, scope: Scope, images: list[str], told: _Told, *, cut: bool) -> None:
        where = {"account": scope.account, "region": scope.region}
        if cut and not told.cut:
            _log.warning("more images are in use than a report holds", extra=fields(**where))
        told.cut = cut
        try:
            self.send(scope, images)
        except Exception as error:  # noqa: BLE001 - whatever a client raises: it is tried again
            if not told.failing:
                reason = f"{type(error).__name__}: {error}"
                message = "images in use cannot be reported; it goes on trying"
                _log.warning(message, extra=fields(**where, reason=reason))
            told.failing, told.due = True, self.clock() + RETRY_SECONDS
            return
        if told.failing:
            _log.info("images in use are reported again", extra=fields(**where))
        told.images, told.failing = frozenset(images), False
        told.due = self.clock() + REPEAT_SECONDS


def _reference(rest: str, digest: str | None) -> str:
    """`repository@digest` or `repository:tag`, checked. Raises Invalid and its kinds."""
    name, _, given = rest.partition("@")
    name, colon, tag = name.partition(":")
    name = repository_name(name)
    if digest or given:
        return f"{name}@{Digest.parse(digest or given)}"
    return f"{name}:{tag_name(tag) if colon else 'latest'}"


def _cut(images: Iterable[str]) -> list[str]:
    """As many as a report holds, from the front."""
    kept: list[str] = []
    size = 0
    for each in images:
        size += len(json.dumps(each)) + 2
        if len(kept) == IMAGES_MAX or size > BYTES_MAX:
            break
        kept.append(each)
    return kept
