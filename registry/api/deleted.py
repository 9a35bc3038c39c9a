"""`/api/v1/deleted`: what was deleted and can be brought back.

A registry is that of the caller's account in the region that the request is signed for. What is
asked about one thing is decided on the repository that it was in, for each tag that it had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from registry.api.routes import Call, Need, Route
from registry.domain.access import Found
from registry.values.digest import shown
from registry.values.errors import ParameterInvalid, RestingNotFound
from registry.values.reference import repository_name

if TYPE_CHECKING:
    from registry.aws.pages import Pages
    from registry.domain.undelete import Resting, Undelete

LIST, UNDELETE, DISCARD = "ecr:ListDeleted", "ecr:Undelete", "ecr:DiscardDeleted"
CREATE = "ecr:CreateRepository"
PAGE = 100
"""Things in one answer."""
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class DeletedEndpoints:
    """List, show, bring back, give up."""

    def __init__(self, undelete: Undelete, pages: Pages) -> None:
        self._undelete = undelete
        self._pages = pages

    @property
    def routes(self) -> Sequence[Route]:
        """Where they are reached."""
        one = "deleted/{id}"
        return (
            Route("ListDeleted", "GET", "deleted", self.of_repository, self.list),
            Route("DescribeDeleted", "GET", one, self._needs(LIST), self.get),
            Route("Undelete", "POST", f"{one}/restore", self.to_restore, self.restore),
            Route("DiscardDeleted", "DELETE", one, self._needs(DISCARD), self.discard),
        )

    def of_repository(self, call: Call) -> Sequence[Need]:
        """Of the one that is named, or of all."""
        name = call.query.get("repositoryName")
        arn = call.scope.repository_arn("*" if name is None else repository_name(name))
        return [Need((call.scope.action(LIST),), (arn,))]

    def to_restore(self, call: Call) -> Sequence[Need]:
        """With another name for a repository also what it takes to create that."""
        call.only("repositoryName")
        name = call.text("repositoryName")
        needs: Sequence[Need] = self._needs(UNDELETE)(call)
        if name is None:
            return needs
        arn = call.scope.repository_arn(repository_name(name))
        return [*needs, Need((call.scope.action(CREATE),), (arn,))]

    def list(self, call: Call) -> Mapping[str, Any]:
        """The last deleted first, in pages."""
        call.only()
        name = call.query.get("repositoryName")
        listing = f"deleted {call.scope} {name} {call.context.caller.arn}"
        before = self._pages.open(listing, call.query.get("nextToken"), 0)
        found = self._undelete.page(call.scope, name, before or None, PAGE + 1)
        answer: dict[str, Any] = {"deleted": [_described(each) for each in found[:PAGE]]}
        if len(found) > PAGE:
            answer["nextToken"] = self._pages.seal(listing, found[PAGE - 1].id)
        return answer

    def get(self, call: Call) -> Mapping[str, Any]:
        """One, with its images, at most a thousand. Raises RestingNotFound."""
        call.only()
        item = self._undelete.get(call.scope, _id(call))
        images = [
            {"imageDigest": digest, "imageTags": list(names)}
            for digest, names in self._undelete.contents(item)
        ]
        return {**_described(item), "images": images}

    def restore(self, call: Call) -> Mapping[str, Any]:
        """Bring it back. Raises what `Undelete.restore` raises."""
        back = self._undelete.restore(call.scope, _id(call), call.text("repositoryName"))
        return {
            "repositoryName": back.repository,
            "imageDigests": list(back.images),
            "imageTags": list(back.tags),
            "takenTags": list(back.taken),
        }

    def discard(self, call: Call) -> Mapping[str, Any]:
        """Let the next collection free it. Raises RestingNotFound."""
        call.only()
        return _described(self._undelete.end(call.scope, _id(call)))

    def _needs(self, action: str) -> Any:
        def needs(call: Call) -> Sequence[Need]:
            asked = call.scope.repository_arn("*")
            try:
                item = self._undelete.get(call.scope, _id(call))
            except (RestingNotFound, ParameterInvalid):
                return [Need((call.scope.action(action),), (asked,))]
            # A refusal does not tell whether there is such a thing, and where it was.
            arn = Found(call.scope.repository_arn(item.repository), asked)
            about = [{"ecr:imagetag": tag} for tag in item.tags] or [{}]
            return [Need((call.scope.action(action),), (arn,), each) for each in about]

        return needs


def _id(call: Call) -> int:
    text = call.path["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ParameterInvalid(f"{shown(text)} is not a number")
    return int(text)


def _described(item: Resting) -> dict[str, Any]:
    return {
        "id": item.id,
        "kind": item.kind,
        "repositoryName": item.repository,
        "imageDigest": item.digest,
        "imageTags": list(item.tags),
        "imageCount": item.images,
        "bytes": item.bytes,
        "deletedAt": item.deleted_at.strftime(_TIME),
        "until": item.until.strftime(_TIME),
    }
