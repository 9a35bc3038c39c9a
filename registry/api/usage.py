"""`/api/v1/usage` and `/api/v1/quotas`: what is held, and how much may be.

Quotas are decided on a resource of the server's own account, whoever they are for: nobody lifts
the limits of their own account but who runs the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from registry.api.routes import Call, Need, Route
from registry.domain.identities.accounts import check_account
from registry.domain.quotas import OF_REPOSITORY, Limits
from registry.values.digest import shown
from registry.values.errors import ParameterInvalid
from registry.values.reference import repository_name
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.aws.pages import Pages
    from registry.domain.quotas import Quotas
    from registry.domain.usage import Usage

USAGE, GET, PUT = "ecr:DescribeUsage", "ecr:GetQuotas", "ecr:PutQuotas"
PAGE = 500
"""Repositories in one answer."""
LIMIT_MAX = 1 << 62
_NAMES = {
    "account_bytes": "accountBytes",
    "repository_bytes": "repositoryBytes",
    "images": "images",
    "repositories": "repositories",
}


class UsageEndpoints:
    """Show what is held; show and set limits."""

    def __init__(self, usage: Usage, quotas: Quotas, pages: Pages, own_account: str) -> None:
        self._usage = usage
        self._quotas = quotas
        self._pages = pages
        self._own_account = own_account

    @property
    def routes(self) -> Sequence[Route]:
        """Where they are reached."""
        one = "quotas/{account}"
        return (
            Route("DescribeUsage", "GET", "usage", self.to_show, self.show),
            Route("GetQuotas", "GET", one, self.to_get, self.get),
            Route("PutQuotas", "PUT", one, self.to_put, self.put),
            Route("DeleteQuotas", "DELETE", one, self.to_put, self.delete),
        )

    def to_show(self, call: Call) -> Sequence[Need]:
        """On all repositories."""
        call.only()
        here = call.scope
        return [Need((here.action(USAGE),), (here.repository_arn("*"),))]

    def to_get(self, call: Call) -> Sequence[Need]:
        """An account may look at its own limits."""
        call.only()
        scope = _of(call)
        return [Need((GET,), (f"arn:aws:ecr:{scope.region}:{scope.account}:quotas",))]

    def to_put(self, call: Call) -> Sequence[Need]:
        """On a resource of the server's own account."""
        call.only(*_NAMES.values())
        scope = _of(call)
        arn = f"arn:aws:ecr:{scope.region}:{self._own_account}:quotas/{scope.account}"
        return [Need((PUT,), (arn,))]

    def show(self, call: Call) -> Mapping[str, Any]:
        """What each repository holds, in pages, and the account."""
        scope = call.scope
        listing = f"usage {scope} {call.context.caller.arn}"
        after = self._pages.open(listing, call.query.get("nextToken"), "")
        found = self._usage.repositories(scope, after, PAGE + 1)
        totals = self._usage.account(scope.account)
        answer: dict[str, Any] = {
            "repositories": [
                {"repositoryName": each.name, "bytes": each.bytes, "imageCount": each.images}
                for each in found[:PAGE]
            ],
            "usedBytes": totals.used,
            "restingBytes": totals.resting,
            "storedBytes": totals.stored,
            "arrivingBytes": totals.arriving,
        }
        if len(found) > PAGE:
            answer["nextToken"] = self._pages.seal(listing, found[PAGE - 1].name)
        return answer

    def get(self, call: Call) -> Mapping[str, Any]:
        """The limits that count, and which of them were set for just this."""
        scope, name = _of(call), _repository(call)
        limits = self._quotas.of(scope, name)
        own = self._quotas.own(scope, name)
        return {
            "limits": {_NAMES[each]: value for each, value in _kept(limits, name).items()},
            "own": sorted(_NAMES[each] for each in own),
        }

    def put(self, call: Call) -> Mapping[str, Any]:
        """Change limits; null lifts one. Raises ParameterInvalid."""
        scope, name = _of(call), _repository(call)
        known = {_NAMES[each]: each for each in _kept(Limits(), name)}
        if unknown := sorted(call.body.keys() - known.keys()):
            raise ParameterInvalid(f"a repository has no limit {shown(unknown[0])} of its own")
        if not call.body:
            raise ParameterInvalid("give a limit to set")
        changes = {known[each]: _limit(each, value) for each, value in call.body.items()}
        self._quotas.set(scope, name, changes)
        return self.get(call)

    def delete(self, call: Call) -> Mapping[str, Any]:
        """Forget what was set: the general limits count again."""
        call.only()
        self._quotas.unset(_of(call), _repository(call))
        return self.get(call)


def _of(call: Call) -> Scope:
    check_account(call.path["account"])
    return Scope(call.path["account"], call.context.region)


def _repository(call: Call) -> str:
    name = call.query.get("repositoryName")
    return "" if name is None else repository_name(name)


def _kept(limits: Limits, repository: str) -> dict[str, int | None]:
    found: dict[str, int | None] = asdict(limits)
    return {n: v for n, v in found.items() if not repository or n in OF_REPOSITORY}


def _limit(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= LIMIT_MAX:
        raise ParameterInvalid(f"the parameter '{name}' must be a number of at least 0, or null")
    return value
