"""`/api/v1/registries/<account>/images-in-use`: who runs which images of a registry.

An ECS, or anything else that runs containers, reports the images that it needs: lifecycle
policies then leave them alone. A report replaces the reporter's last one as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from registry.api.routes import Call, Need, Route
from registry.domain.lifecycle.uses import LEASE, LEASE_MAX, LEASE_MIN, Report, Use
from registry.values.digest import Digest, shown
from registry.values.errors import ParameterInvalid
from registry.values.reference import repository_name, tag_name
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.domain.lifecycle.uses import Uses

IMAGES_MAX = 10_000
"""Images in one report."""

_REPORTERS = "registries/{account}/images-in-use"
_REPORTER = _REPORTERS + "/{reporter}"
_ACCOUNT = re.compile("[0-9]{12}", re.ASCII)
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


class UseEndpoints:
    """Report, read, end."""

    def __init__(self, uses: Uses) -> None:
        self._uses = uses

    @property
    def routes(self) -> Sequence[Route]:
        """Where they are reached."""
        return (
            _route("PutImagesInUse", "PUT", _REPORTER, self.put),
            _route("GetImagesInUse", "GET", _REPORTER, self.get),
            _route("DeleteImagesInUse", "DELETE", _REPORTER, self.end),
            _route("ListImagesInUse", "GET", _REPORTERS, self.list),
        )

    def put(self, call: Call) -> Mapping[str, Any]:
        """Replace the report; with those of its images that are not there."""
        call.only("images", "leaseSeconds")
        given = call.listed("images")
        if given is None or len(given) > IMAGES_MAX:
            raise ParameterInvalid(f"images must be a list of at most {IMAGES_MAX:,} entries")
        uses = [_use(each, number) for number, each in enumerate(given)]
        scope, reporter = _place(call)
        report = self._uses.report(scope, reporter, uses, _lease(call))
        missing = [str(each) for each in self._uses.missing(scope, report.uses)]
        return {**_described(report), "missing": missing}

    def get(self, call: Call) -> Mapping[str, Any]:
        """The report as it was made last."""
        return _described(self._uses.get(*_place(call)))

    def end(self, call: Call) -> Mapping[str, Any]:
        """Forget the report: the reporter needs nothing any more."""
        self._uses.end(*_place(call))
        return {}

    def list(self, call: Call) -> Mapping[str, Any]:
        """All reports on the registry."""
        reports = self._uses.reports(_scope(call))
        return {"reports": [_described(each) for each in reports]}


def _route(
    name: str, method: str, path: str, endpoint: Callable[[Call], Mapping[str, Any]]
) -> Route:
    return Route(name, method, path, _needing(name), endpoint)


def _needing(action: str) -> Callable[[Call], Sequence[Need]]:
    def needs(call: Call) -> Sequence[Need]:
        scope = _scope(call)
        reporter = _reporter(call) if "reporter" in call.path else "*"
        arn = f"arn:aws:ecr:{scope.region}:{scope.account}:images-in-use/{reporter}"
        return [Need((f"ecr:{action}",), (arn,))]

    return needs


def _place(call: Call) -> tuple[Scope, str]:
    return _scope(call), _reporter(call)


def _scope(call: Call) -> Scope:
    account = call.path["account"]
    if _ACCOUNT.fullmatch(account) is None:
        raise ParameterInvalid(f"{shown(account)} is not an account of 12 digits")
    return Scope(account, call.context.region)


def _reporter(call: Call) -> str:
    name = call.path["reporter"]
    if _NAME.fullmatch(name) is None:
        raise ParameterInvalid(
            f"{shown(name)} is not a reporter's name: 1 to 128 letters, digits, '.', '_', '-'"
        )
    return name


def _lease(call: Call) -> timedelta:
    seconds = call.body.get("leaseSeconds", int(LEASE.total_seconds()))
    least, most = int(LEASE_MIN.total_seconds()), int(LEASE_MAX.total_seconds())
    if type(seconds) is not int or not least <= seconds <= most:
        raise ParameterInvalid(f"leaseSeconds must be a whole number from {least} to {most}")
    return timedelta(seconds=seconds)


def _use(given: Any, number: int) -> Use:
    """`repository@digest` or `repository:tag`. Raises Invalid and its kinds."""
    if not isinstance(given, str):
        raise ParameterInvalid(f"images[{number}] must be a JSON string")
    name, at, digest = given.partition("@")
    if at:
        return Use(repository_name(name), str(Digest.parse(digest)))
    name, colon, tag = given.rpartition(":")
    if not colon:
        raise ParameterInvalid(
            f"images[{number}]: {shown(given)} is neither repository@digest nor repository:tag"
        )
    return Use(repository_name(name), tag_name(tag))


def _described(report: Report) -> dict[str, Any]:
    return {
        "reporter": report.reporter,
        "images": [str(each) for each in report.uses],
        "reportedAt": report.reported_at.isoformat(),
        "expiresAt": report.expires_at.isoformat(),
    }
