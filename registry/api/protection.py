"""`/api/v1/protection`: which repository, and which of its tags, cannot be deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from registry.api.routes import Call, Need, Route
from registry.values.errors import ParameterInvalid
from registry.values.reference import repository_name

if TYPE_CHECKING:
    from registry.domain.protection import Protection, Protections
    from registry.domain.repositories import Repositories, Repository

GET, PUT = "ecr:GetProtection", "ecr:PutProtection"


class ProtectionEndpoints:
    """Show and change."""

    def __init__(self, repositories: Repositories, protections: Protections) -> None:
        self._repositories = repositories
        self._protections = protections

    @property
    def routes(self) -> Sequence[Route]:
        """Where they are reached."""
        return (
            Route("GetProtection", "GET", "protection", self.to_get, self.get),
            Route("PutProtection", "PUT", "protection", self.to_put, self.put),
        )

    def to_get(self, call: Call) -> Sequence[Need]:
        """On the repository."""
        call.only()
        return [Need((call.scope.action(GET),), (_arn(call),))]

    def to_put(self, call: Call) -> Sequence[Need]:
        """On the repository."""
        call.only("protected", "tags")
        return [Need((call.scope.action(PUT),), (_arn(call),))]

    def get(self, call: Call) -> Mapping[str, Any]:
        """What is protected. Raises RepositoryNotFound."""
        repository = self._repository(call)
        return _described(repository, self._protections.of(repository))

    def put(self, call: Call) -> Mapping[str, Any]:
        """Change what is given. Raises RepositoryNotFound, ParameterInvalid."""
        tags = call.listed("tags")
        if not all(isinstance(each, str) for each in tags or ()):
            raise ParameterInvalid("the parameter 'tags' must be a JSON array of strings")
        itself = call.flag("protected") if "protected" in call.body else None
        repository = self._repository(call)
        found = self._protections.set(repository, itself=itself, patterns=tags)
        return _described(repository, found)

    def _repository(self, call: Call) -> Repository:
        return self._repositories.get(call.scope, _name(call))


def _arn(call: Call) -> str:
    """Of the repository; of all where none is named, which is refused then."""
    name = _name(call) if "repositoryName" in call.query else "*"
    return call.scope.repository_arn(name)


def _name(call: Call) -> str:
    name = call.query.get("repositoryName")
    if name is None:
        raise ParameterInvalid("the query parameter repositoryName is missing")
    return repository_name(name)


def _described(repository: Repository, found: Protection) -> dict[str, Any]:
    return {
        "repositoryName": repository.name,
        "protected": found.repository or found.label,
        "byResourceTag": found.label,
        "tags": list(found.tags),
    }
