"""`/api/v1/vex`: what is said of the findings in a repository; `/api/v1/scan-settings`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from registry.api.routes import Call, Document, Need, Route
from registry.domain.scanning.settings import NONE, ScanSettings
from registry.values.digest import Digest
from registry.values.errors import ParameterInvalid
from registry.values.reference import repository_name, tag_name
from registry.values.reports import attached
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.domain.images import Images
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.scanning.settings import RepositoryScanSettings
    from registry.domain.vex.kept import Kept, VexDocuments
    from registry.domain.vex.referrers import Attached
    from registry.domain.vex.vex import Vex

LIST, PUT, DELETE = "ecr:DescribeVex", "ecr:PutVex", "ecr:DeleteVex"
GET_SETTINGS, PUT_SETTINGS = "ecr:GetScanSettings", "ecr:PutScanSettings"
_MEMBERS = ("attach", "vexReferrers", "vexKeys")


class VexEndpoints:
    """List, show, put, remove; and the settings."""

    def __init__(
        self,
        repositories: Repositories,
        images: Images,
        documents: VexDocuments,
        vex: Vex,
        settings: RepositoryScanSettings,
    ) -> None:
        self._repositories = repositories
        self._images = images
        self._documents = documents
        self._vex = vex
        self._settings = settings

    @property
    def routes(self) -> Sequence[Route]:
        """Where they are reached."""
        one = "vex/{name}"
        return (
            Route("ListVex", "GET", "vex", _needs(LIST), self.list),
            Route("PutVex", "PUT", one, _needs(PUT, body=True), self.put),
            Route("GetVex", "GET", one, _needs(LIST), self.get),
            Route("DeleteVex", "DELETE", one, _needs(DELETE), self.delete),
            Route("GetScanSettings", "GET", "scan-settings", _needs(GET_SETTINGS), self.settings),
            Route("PutScanSettings", "PUT", "scan-settings", _setting, self.set_settings),
        )

    def list(self, call: Call) -> Mapping[str, Any]:
        """All documents by name; with `image` also what is attached to that image."""
        repository = self._repository(call)
        found: dict[str, Any] = {
            "documents": [_described(each) for each in self._documents.list(repository)]
        }
        if "image" in call.query:
            image = self._images.get(repository, _reference(call.query["image"])).image
            beside = self._vex.attached(repository, image.digest)
            found |= {"imageDigest": str(image.digest), "attached": [_told(e) for e in beside]}
        return found

    def put(self, call: Call) -> Mapping[str, Any]:
        """Make or change one: the body is the document."""
        content = json.dumps(call.body)
        who = call.context.caller.arn
        kept = self._documents.put(self._repository(call), call.path["name"], content, who)
        return {"document": _described(kept)}

    def get(self, call: Call) -> Document:
        """The document as it is. Raises EntityNotFound."""
        _, content = self._documents.get(self._repository(call), call.path["name"])
        return Document("application/json", content.encode())

    def delete(self, call: Call) -> Mapping[str, Any]:
        """Remove one. Raises EntityNotFound."""
        self._documents.remove(self._repository(call), call.path["name"])
        return {}

    def settings(self, call: Call) -> Mapping[str, Any]:
        """What is set for the scans of a repository."""
        return _shown(self._settings.of(self._repository(call)))

    def set_settings(self, call: Call) -> Mapping[str, Any]:
        """Set all of it; what is not given is as if it never had been."""
        given = _settings(call)
        self._settings.put(self._repository(call), given)
        return _shown(given)

    def _repository(self, call: Call) -> Repository:
        return self._repositories.get(_scope(call), _name(call))


def _needs(action: str, *, body: bool = False) -> Callable[[Call], Sequence[Need]]:
    def needs(call: Call) -> Sequence[Need]:
        if not body:
            call.only()
        return [Need((action,), (_arn(call),))]

    return needs


def _setting(call: Call) -> Sequence[Need]:
    call.only(*_MEMBERS)
    _settings(call)
    return [Need((PUT_SETTINGS,), (_arn(call),))]


def _settings(call: Call) -> ScanSettings:
    attach, keys = call.listed("attach"), call.listed("vexKeys") or ()
    for name, given in (("attach", attach or ()), ("vexKeys", keys)):
        if not all(isinstance(each, str) for each in given):
            raise ParameterInvalid(f"the parameter '{name}' must be a JSON array of strings")
    forms = None if attach is None else attached("attach", attach)
    return ScanSettings(forms, call.text("vexReferrers") or NONE, tuple(keys))


def _shown(settings: ScanSettings) -> dict[str, Any]:
    return {
        "attach": None if settings.attach is None else list(settings.attach),
        "vexReferrers": settings.vex_referrers,
        "vexKeys": list(settings.vex_keys),
    }


def _scope(call: Call) -> Scope:
    return Scope(call.context.account, call.context.region)


def _arn(call: Call) -> str:
    """Of the repository; of all where none is named, which is refused then."""
    name = _name(call) if "repositoryName" in call.query else "*"
    return _scope(call).repository_arn(name)


def _name(call: Call) -> str:
    name = call.query.get("repositoryName")
    if name is None:
        raise ParameterInvalid("the query parameter repositoryName is missing")
    return repository_name(name)


def _reference(text: str) -> Digest | str:
    return Digest.parse(text) if ":" in text else tag_name(text)


def _described(kept: Kept) -> dict[str, Any]:
    return {
        "name": kept.name,
        "form": kept.form,
        "id": kept.document_id,
        "author": kept.author,
        "addedAt": kept.added_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "addedBy": kept.added_by,
    }


def _told(beside: Attached) -> dict[str, Any]:
    found: dict[str, Any] = {"referrerDigest": beside.digest}
    if beside.document is None:
        return {**found, "counts": False, "reason": beside.reason}
    about = beside.document
    return {**found, "counts": True, "form": about.form, "id": about.id, "author": about.author}
