"""`/api/v1/repositories/<name>/images/<tag or digest>/scan`: reports on scans, in any form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.api.routes import Call, Document, Need, Route
from registry.domain.scan_reports.forms import Form, form_accepted, form_named
from registry.domain.scan_reports.page import POLICY
from registry.values.digest import Digest, shown
from registry.values.errors import ParameterInvalid
from registry.values.reference import repository_name, tag_name
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.domain.repositories import Repositories
    from registry.domain.scan_reports.writer import ReportWriter

READ = "ecr:DescribeImageScanFindings"
_PATH = "repositories/{name*}/images/{reference}/scan"
_QUERY = frozenset({"format", "platform", "registryId"})
_ACCOUNT = re.compile("[0-9]{12}", re.ASCII)
_PLAIN = (
    ("cache-control", "private, no-store"),
    ("vary", "accept, authorization"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", f"{POLICY}; frame-ancestors 'none'"),
)


class ScanEndpoints:
    """Reads."""

    def __init__(self, repositories: Repositories, writer: ReportWriter) -> None:
        self._repositories = repositories
        self._writer = writer

    @property
    def routes(self) -> Sequence[Route]:
        """Where they are reached."""
        return (Route("GetScanReport", "GET", _PATH, _needs, self.get, browsable=True),)

    def get(self, call: Call) -> Document:
        """The report. Raises ImageNotFound, ScanNotFound, ParameterInvalid, Unavailable."""
        form = _form(call)
        repository = self._repositories.get(_scope(call), call.path["name"])
        subject = self._writer.subject(repository, _reference(call))
        if platform := call.query.get("platform"):
            subject = subject.only(platform)
        return Document(form.media_type, self._writer.write(subject, form), _PLAIN)


def _needs(call: Call) -> Sequence[Need]:
    call.only()
    if unknown := sorted(call.query.keys() - _QUERY - _SIGNATURE):
        raise ParameterInvalid(f"there is no parameter {shown(unknown[0])}")
    _form(call)
    _reference(call)
    name = repository_name(call.path["name"])
    return [Need((READ,), (_scope(call).repository_arn(name),))]


_SIGNATURE = frozenset(
    f"X-Amz-{each}"
    for each in (
        *("Algorithm", "Credential", "Date", "Expires"),
        *("SignedHeaders", "Signature", "Security-Token"),
    )
)
"""What a presigned URL has beside."""


def _form(call: Call) -> Form:
    given = call.query.get("format")
    return form_accepted(call.headers.get("accept", "")) if given is None else form_named(given)


def _reference(call: Call) -> Digest | str:
    given = call.path["reference"]
    return Digest.parse(given) if ":" in given else tag_name(given)


def _scope(call: Call) -> Scope:
    account = call.query.get("registryId", call.context.account)
    if _ACCOUNT.fullmatch(account) is None:
        raise ParameterInvalid(f"registryId must be 12 digits, not {shown(account)}")
    return Scope(account, call.context.region)
