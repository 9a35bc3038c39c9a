"""`/api/v1/gates`: which images of a registry may not be pulled, and what is said of one.

A registry is that of the caller's account in the region that the request is signed for, or its
public one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from registry.api.routes import Call, Need, Route
from registry.values.digest import Digest
from registry.values.errors import ParameterInvalid
from registry.values.reference import repository_name, tag_name

if TYPE_CHECKING:
    from registry.domain.gates.doors import Doors
    from registry.domain.gates.gates import Gates, Kept
    from registry.domain.gates.weighing import Refusal
    from registry.domain.images import Images
    from registry.domain.repositories import Repositories

PUT, LIST, DELETE, TEST = "ecr:PutGate", "ecr:DescribeGates", "ecr:DeleteGate", "ecr:TestGates"


class GateEndpoints:
    """List, make, change, delete, and try."""

    def __init__(
        self, gates: Gates, doors: Doors, repositories: Repositories, images: Images
    ) -> None:
        self._gates = gates
        self._doors = doors
        self._repositories = repositories
        self._images = images

    @property
    def routes(self) -> Sequence[Route]:
        """Where they are reached."""
        one = "gates/{name}"
        return (
            Route("ListGates", "GET", "gates", _needs(LIST), self.list),
            Route("PutGate", "PUT", one, _needs(PUT), self.put),
            Route("DescribeGate", "GET", one, _needs(LIST), self.get),
            Route("DeleteGate", "DELETE", one, _needs(DELETE), self.delete),
            Route("TestGates", "POST", "test-gates", _tested, self.test),
        )

    def list(self, call: Call) -> Mapping[str, Any]:
        """All of them, by name."""
        call.only()
        return {"gates": [_described(each) for each in self._gates.list(call.scope)]}

    def put(self, call: Call) -> Mapping[str, Any]:
        """Make or change one: the body is its document."""
        self._gates.put(call.scope, call.path["name"], json.dumps(call.body))
        return self._one(call)

    def get(self, call: Call) -> Mapping[str, Any]:
        """One of them. Raises EntityNotFound."""
        call.only()
        return self._one(call)

    def delete(self, call: Call) -> Mapping[str, Any]:
        """Remove one. Raises EntityNotFound."""
        call.only()
        self._gates.delete(call.scope, call.path["name"])
        return {}

    def test(self, call: Call) -> Mapping[str, Any]:
        """What the gates would say of a pull of an image now; nothing is counted."""
        repository = self._repositories.get(call.scope, _name(call))
        stored = self._images.get(repository, _reference(call))
        found = self._doors.verdicts(repository, stored)
        return {
            "imageDigest": str(stored.image.digest),
            "allowed": all(each.dry_run for each in found),
            "refusals": [_told(each) for each in found],
        }

    def _one(self, call: Call) -> Mapping[str, Any]:
        return {"gate": _described(self._gates.get(call.scope, call.path["name"]))}


def _needs(action: str) -> Callable[[Call], Sequence[Need]]:
    def needs(call: Call) -> Sequence[Need]:
        scope, name = call.scope, call.path.get("name", "*")
        arn = f"arn:aws:{scope.service}:{scope.region}:{scope.account}:gate/{name}"
        return [Need((scope.action(action),), (arn,))]

    return needs


def _tested(call: Call) -> Sequence[Need]:
    call.only("repositoryName", "imageTag", "imageDigest")
    reference = _reference(call)
    about = {"ecr:imagetag": reference} if isinstance(reference, str) else {}
    return [Need((call.scope.action(TEST),), (call.scope.repository_arn(_name(call)),), about)]


def _name(call: Call) -> str:
    return repository_name(call.text("repositoryName") or "")


def _reference(call: Call) -> Digest | str:
    tag, digest = call.text("imageTag"), call.text("imageDigest")
    if (tag is None) == (digest is None):
        raise ParameterInvalid("give either imageTag or imageDigest")
    return tag_name(tag) if tag is not None else Digest.parse(digest or "")


def _described(gate: Kept) -> dict[str, Any]:
    return {
        "name": gate.name,
        "document": json.loads(gate.document),
        "changedAt": gate.changed_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _told(refusal: Refusal) -> dict[str, Any]:
    return {**refusal.detail, "dryRun": refusal.dry_run, "message": refusal.message}
