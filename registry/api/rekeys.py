"""`/api/v1/rekeys`: repositories that move to another key.

Who starts a move needs, beside the right to that, what CreateRepository asks for of a key:
`kms:DescribeKey` and `kms:CreateGrant`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from registry.api.routes import Call, Need, Route
from registry.domain.repositories import Encryption
from registry.domain.requests import circumstances_of, identity_of
from registry.domain.vault import PLAIN
from registry.values.errors import ParameterInvalid
from registry.values.reference import repository_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from registry.aws.pages import Pages
    from registry.domain.key_use import KeyUse
    from registry.domain.rekeying import Move, Rekeying
    from registry.domain.repositories import Repositories, Repository
    from registry.keys.provider import KeyProvider

START, STOP, DESCRIBE = "ecr:StartRekey", "ecr:StopRekey", "ecr:DescribeRekeys"
TYPES = ("AES256", "KMS")
PAGE = 100
"""Moves in one answer."""


class RekeyEndpoints:
    """Start, show, stop."""

    def __init__(
        self,
        repositories: Repositories,
        rekeying: Rekeying,
        key_use: KeyUse,
        keys: KeyProvider,
        pages: Pages,
    ) -> None:
        self._repositories = repositories
        self._rekeying = rekeying
        self._key_use = key_use
        self._keys = keys
        self._pages = pages

    @property
    def routes(self) -> Sequence[Route]:
        """Where they are reached."""
        return (
            Route("StartRekey", "POST", "rekeys", self.to_start, self.start),
            Route("DescribeRekeys", "GET", "rekeys", _to(DESCRIBE), self.describe),
            Route("StopRekey", "DELETE", "rekeys", _to(STOP), self.stop),
        )

    def to_start(self, call: Call) -> Sequence[Need]:
        """On the repository; about the key see `KeyUse`."""
        call.only("repositoryName", "encryptionConfiguration")
        return [
            Need(
                (call.scope.action(START),), (call.scope.repository_arn(_named(call.text(_NAME))),)
            )
        ]

    def start(self, call: Call) -> Mapping[str, Any]:
        """Begin a move, or go on with one.

        Raises ParameterInvalid, RepositoryNotFound, KeyNotFound, KeyUnavailable.
        """
        wanted = _encryption(call)
        repository = self._repositories.get(call.scope, _named(call.text(_NAME)))
        identity, about = identity_of(call.context), circumstances_of(call.context, {})
        granted = self._key_use.granted(identity, about, repository.scope, wanted)
        return self._described(self._rekeying.start(repository, granted))

    def describe(self, call: Call) -> Mapping[str, Any]:
        """How far one repository is, or all of the registry, in pages."""
        if _NAME in call.query:
            return self._described(self._repository(call))
        scope = call.scope
        listing = f"rekeys {scope} {call.context.caller.arn}"
        name, _, key_id = self._pages.open(listing, call.query.get("nextToken"), "").partition(" ")
        found = self._rekeying.page(scope, (name, key_id), PAGE + 1)
        answer: dict[str, Any] = {"rekeys": [self._shown(each) for each in found[:PAGE]]}
        if len(found) > PAGE:
            last = found[PAGE - 1]
            answer["nextToken"] = self._pages.seal(listing, f"{last.repository.name} {last.key_id}")
        return answer

    def stop(self, call: Call) -> Mapping[str, Any]:
        """Leave what is left where it lies. Raises RepositoryNotFound."""
        repository = self._repository(call)
        self._rekeying.stop(repository)
        return self._described(repository)

    def _repository(self, call: Call) -> Repository:
        return self._repositories.get(call.scope, _named(call.query.get(_NAME)))

    def _described(self, repository: Repository) -> dict[str, Any]:
        return {"rekeys": [self._shown(each) for each in self._rekeying.moves(repository)]}

    def _shown(self, move: Move) -> dict[str, Any]:
        shown = {
            "repositoryName": move.repository.name,
            "fromKey": self._key(move, move.key_id),
            "toKey": self._key(move, move.repository.key_id),
            "status": move.status,
            "startedAt": _time(move.started_at),
            "movedBlobs": move.blobs,
            "movedBytes": move.blob_bytes,
            "movedManifests": move.manifests,
            "leftBlobs": move.left.blobs,
            "leftBytes": move.left.blob_bytes,
            "leftManifests": move.left.manifests,
            "leftUploads": move.left.uploads,
        }
        if move.finished_at is not None:
            shown["finishedAt"] = _time(move.finished_at)
        if move.problem:
            shown["problem"] = move.problem
        return shown

    def _key(self, move: Move, key_id: str) -> str | None:
        """ARN of a key; None for no encryption."""
        return None if key_id == PLAIN else self._keys.arn(key_id, move.repository.scope)


_NAME = "repositoryName"


def _to(action: str) -> Callable[[Call], Sequence[Need]]:
    """On the repository; all of them, where DescribeRekeys names none."""

    def needs(call: Call) -> Sequence[Need]:
        call.only()
        every = action == DESCRIBE and _NAME not in call.query
        name = "*" if every else _named(call.query.get(_NAME))
        return [Need((call.scope.action(action),), (call.scope.repository_arn(name),))]

    return needs


def _named(name: str | None) -> str:
    if name is None:
        raise ParameterInvalid(f"the parameter {_NAME} is missing")
    return repository_name(name)


def _encryption(call: Call) -> Encryption:
    wanted = call.mapping("encryptionConfiguration") or {}
    kind, key = wanted.get("encryptionType"), wanted.get("kmsKey")
    if kind not in TYPES:
        raise ParameterInvalid(
            "'encryptionConfiguration' must have an 'encryptionType', AES256 or KMS"
        )
    if not (key is None or isinstance(key, str)) or wanted.keys() - {"encryptionType", "kmsKey"}:
        raise ParameterInvalid("'encryptionConfiguration' has 'encryptionType' and 'kmsKey' alone")
    return Encryption(kind, key)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
