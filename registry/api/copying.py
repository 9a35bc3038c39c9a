"""`POST /api/v1/copy`: copies or moves images between repositories without a pull and a push.

The caller needs on the source what a pull needs, on the target what a push needs, and to move
an image `ecr:BatchDeleteImage` on the source: each tag under its own `ecr:ImageTag`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.api.routes import Call, Need, Route
from registry.domain.copying.orders import Order, Orders, Permit
from registry.domain.gates.doors import Asker
from registry.domain.requests import circumstances_of, identity_of
from registry.domain.templates import ON_PUSH
from registry.values.digest import Digest, shown
from registry.values.errors import (
    MoorageError,
    ParameterInvalid,
    RepositoryExists,
    RepositoryNotFound,
    Unavailable,
)
from registry.values.reference import repository_name, tag_name
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.aws.pages import Pages
    from registry.domain.access import Access
    from registry.domain.gates.doors import Doors
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.templates import Templates

IMAGES_MAX = 100
"""Images in one request, or in one answer where all are asked for."""
SECONDS_MAX = 20.0
"""After so many seconds no other image of "all" is begun; the answer says where to go on."""
AT_ONCE = 4
"""Copies that one worker does at a time."""

READ = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
WRITE = ("ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload")
PUT, DELETE, LIST = "ecr:PutImage", "ecr:BatchDeleteImage", "ecr:ListImages"
CREATE = "ecr:CreateRepository"
_MEMBERS = ("source", "target", "imageIds", "all", "move", "referrers", "create", "nextToken")
_ACCOUNT = re.compile("[0-9]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """A repository as a request names it."""

    scope: Scope
    name: str

    @property
    def arn(self) -> str:
        """Its ARN."""
        return self.scope.repository_arn(self.name)


class CopyEndpoint:
    """Reads the order, and carries it out image by image."""

    def __init__(
        self,
        repositories: Repositories,
        templates: Templates,
        orders: Orders,
        access: Access,
        doors: Doors,
        *,
        pages: Pages,
        regions: Collection[str],
    ) -> None:
        self._repositories = repositories
        self._templates = templates
        self._orders = orders
        self._access = access
        self._doors = doors
        self._pages = pages
        self._regions = regions
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    @property
    def route(self) -> Route:
        """Where it is reached."""
        return Route("CopyImages", "POST", "copy", self.needs, self.copy)

    def needs(self, call: Call) -> Sequence[Need]:
        """What can be decided before anything is looked up. Raises ParameterInvalid."""
        call.only(*_MEMBERS)
        source, target, new = self._places(call)
        references = _references(call)
        tags = [each for each in references if isinstance(each, str)]
        found = [Need(READ, (source.arn,), _about(tag)) for tag in tags]
        if len(tags) < len(references) or not references:
            found.append(Need(READ, (source.arn,)))
        if not references:
            found.append(Need((LIST,), (source.arn,)))
        found.append(Need(WRITE, (target.arn,)))
        found += [Need((PUT,), (target.arn,), _about(new or tag)) for tag in tags]
        if call.flag("move"):
            found += [Need((DELETE,), (source.arn,), _about(tag)) for tag in tags]
        if call.flag("create"):
            found.append(Need((CREATE,), (target.arn,)))
        return found

    def copy(self, call: Call) -> Mapping[str, Any]:
        """Copy what is asked for; what was copied, and why the rest was not."""
        source, target, new = self._places(call)
        references = _references(call)
        order = Order(
            source=self._repositories.get(source.scope, source.name),
            target=self._target(target, create=call.flag("create")),
            rename=new,
            move=call.flag("move"),
            referrers=call.flag("referrers", default=True),
        )
        order.check(everything=not references)
        if not self._turns.acquire(blocking=False):
            raise Unavailable(f"{AT_ONCE} copies are under way already; try again")
        try:
            return self._named(call, order, references) if references else self._all(call, order)
        finally:
            self._turns.release()

    def _named(
        self, call: Call, order: Order, references: Sequence[Digest | str]
    ) -> dict[str, Any]:
        if order.rename is not None and len(references) != 1:
            raise ParameterInvalid("several images cannot get one tag: name one image")
        answer: dict[str, Any] = {"copied": [], "failures": []}
        for reference in references:
            self._one(call, order, reference, answer)
        return answer

    def _all(self, call: Call, order: Order) -> dict[str, Any]:
        listing = f"copy {order.source.id} {order.target.id} {call.context.caller.arn}"
        after = self._pages.open(listing, call.text("nextToken"), 0)
        answer: dict[str, Any] = {"copied": [], "failures": []}
        begun = time.monotonic()
        for done, (image_id, digest) in enumerate(
            self._orders.page(order.source, after, IMAGES_MAX + 1)
        ):
            if done == IMAGES_MAX or (done and time.monotonic() - begun > SECONDS_MAX):
                answer["nextToken"] = self._pages.seal(listing, after)
                break
            self._one(call, order, digest, answer)
            after = image_id
        return answer

    def _one(
        self, call: Call, order: Order, reference: Digest | str, answer: dict[str, Any]
    ) -> None:
        try:
            self._pass(call, order, reference)
            copied = self._orders.one(order, reference, self._permit(call, order))
        except MoorageError as error:
            failed = {"failureCode": type(error).__name__, "failureReason": str(error)}
            answer["failures"].append({"imageId": _image_id(reference), **failed})
            return
        answer["copied"].append(
            {
                "imageId": {**_image_id(reference), "imageDigest": str(copied.digest)},
                "tags": list(copied.tags),
                "newManifests": copied.images,
                "linkedBytes": copied.linked,
                "sealedBytes": copied.sealed,
            }
        )

    def _pass(self, call: Call, order: Order, reference: Digest | str) -> None:
        """Raise GateRefused where the source's gates let nobody pull what would be copied."""
        tag = "" if isinstance(reference, Digest) else reference
        about = circumstances_of(call.context, _about(tag))
        asker = Asker(identity_of(call.context), about)
        self._doors.whole(order.source, reference, asker, referrers=order.referrers)

    def _permit(self, call: Call, order: Order) -> Permit:
        """Decides about the tags of an image once they are known."""

        def require(action: str, repository: Repository, tags: Sequence[str]) -> None:
            for tag in tags or ("",):
                about = circumstances_of(call.context, _about(tag))
                self._access.require(identity_of(call.context), (action,), repository.arn, about)

        def permit(written: Sequence[str], deleted: Sequence[str]) -> None:
            require(PUT, order.target, written)
            if order.move:
                require(DELETE, order.source, deleted)

        return permit

    def _target(self, place: Place, *, create: bool) -> Repository:
        try:
            return self._repositories.get(place.scope, place.name)
        except RepositoryNotFound:
            if not create:
                raise
        try:
            return self._templates.create_for(place.scope, place.name, ON_PUSH)
        except RepositoryExists:
            return self._repositories.get(place.scope, place.name)

    def _places(self, call: Call) -> tuple[Place, Place, str | None]:
        """Source, target, and the new tag."""
        target = dict(call.mapping("target") or {})
        new = target.pop("imageTag", None)
        if new is not None:
            new = tag_name(_text(new, "target.imageTag"))
        return (
            self._place(call, "source", call.mapping("source") or {}),
            (self._place(call, "target", target)),
            new,
        )

    def _place(self, call: Call, member: str, given: Mapping[str, Any]) -> Place:
        if unknown := sorted(given.keys() - {"repositoryName", "registryId", "region"}):
            raise ParameterInvalid(f"there is no parameter {shown(f'{member}.{unknown[0]}')}")
        name = repository_name(_text(given.get("repositoryName"), f"{member}.repositoryName"))
        account = _text(given.get("registryId", call.context.account), f"{member}.registryId")
        region = _text(given.get("region", call.context.region), f"{member}.region")
        if _ACCOUNT.fullmatch(account) is None:
            raise ParameterInvalid(f"{member}.registryId must be 12 digits")
        if region not in self._regions:
            raise ParameterInvalid(f"{member}.region: this server has no region {shown(region)}")
        return Place(Scope(account, region), name)


def _references(call: Call) -> list[Digest | str]:
    """What is named; nothing where all images are asked for. Raises ParameterInvalid."""
    named, everything = call.listed("imageIds"), call.flag("all")
    if everything == (named is not None):
        raise ParameterInvalid("give either imageIds or all")
    if named is not None and not 1 <= len(named) <= IMAGES_MAX:
        raise ParameterInvalid(f"imageIds must have 1 to {IMAGES_MAX} entries")
    return [_reference(each) for each in named or ()]


def _reference(given: Any) -> Digest | str:
    if isinstance(given, dict) and len(given) == 1:
        if "imageTag" in given:
            return tag_name(_text(given["imageTag"], "imageTag"))
        if "imageDigest" in given:
            return Digest.parse(_text(given["imageDigest"], "imageDigest"))
    raise ParameterInvalid("each of imageIds has either an imageTag or an imageDigest")


def _text(given: Any, name: str) -> str:
    if not isinstance(given, str):
        raise ParameterInvalid(f"the parameter '{name}' must be a JSON string")
    return given


def _about(tag: str) -> dict[str, str | tuple[str, ...]]:
    return {"ecr:imagetag": tag} if tag else {}


def _image_id(reference: Digest | str) -> dict[str, str]:
    kind = "imageDigest" if isinstance(reference, Digest) else "imageTag"
    return {kind: str(reference)}
