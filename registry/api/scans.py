"""`/api/v1/repositories/<name>/images/<tag or digest>/scan`: reports on scans, in any form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from registry.api.routes import Call, Document, Need, Route
from registry.domain.scan_reports.attachments import FORMS
from registry.domain.scan_reports.forms import Form, form_accepted, form_named
from registry.domain.scan_reports.page import POLICY
from registry.values.digest import Digest, shown
from registry.values.errors import ParameterInvalid
from registry.values.reference import repository_name, tag_name
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.scan_reports.attachments import Attachments
    from registry.domain.scan_reports.subject import Subject
    from registry.domain.scan_reports.writer import ReportWriter

READ = "ecr:DescribeImageScanFindings"
WRITE = (
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
    "ecr:BatchDeleteImage",
)
"""To attach is a push, and takes away the older report."""
_PATH = "repositories/{name*}/images/{reference}/scan"
_QUERY = frozenset({"format", "platform", "registryId"})
_ACCOUNT_ONLY = frozenset({"registryId"})
_ACCOUNT = re.compile("[0-9]{12}", re.ASCII)
_PLAIN = (
    ("cache-control", "private, no-store"),
    ("vary", "accept, authorization"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", f"{POLICY}; frame-ancestors 'none'"),
)


class ScanEndpoints:
    """Reads, and attaches."""

    def __init__(
        self, repositories: Repositories, writer: ReportWriter, attachments: Attachments
    ) -> None:
        self._repositories = repositories
        self._writer = writer
        self._attachments = attachments

    @property
    def routes(self) -> Sequence[Route]:
        """Where they are reached."""
        return (
            Route("GetScanReport", "GET", _PATH, _reading, self.get, browsable=True),
            Route("AttachScanReport", "POST", f"{_PATH}/attachments", _writing, self.attach),
        )

    def get(self, call: Call) -> Document:
        """The report. Raises ImageNotFound, ScanNotFound, ParameterInvalid, Unavailable."""
        form = _form(call)
        _, subject = self._found(call, call.query.get("platform"))
        return Document(form.media_type, self._writer.write(subject, form), _PLAIN)

    def attach(self, call: Call) -> Mapping[str, Any]:
        """Attach the report to the image in the forms asked for; the digests of what is attached.

        Raises as `get` does, and QuotaExceeded.
        """
        repository, subject = self._found(call, call.text("platform"))
        made = [
            self._attachments.attach(repository, subject, form, call.context.caller.arn)
            for form in _forms(call)
        ]
        return {
            "attachments": [
                {
                    "format": each.form.value,
                    "artifactType": each.form.media_type,
                    "subjectDigest": each.subject,
                    "imageDigest": str(each.digest),
                    "isNew": each.is_new,
                }
                for each in made
            ]
        }

    def _found(self, call: Call, platform: str | None) -> tuple[Repository, Subject]:
        repository = self._repositories.get(_scope(call), call.path["name"])
        subject = self._writer.subject(repository, _reference(call))
        return repository, subject.only(platform) if platform else subject


def _reading(call: Call) -> Sequence[Need]:
    call.only()
    _form(call)
    return [Need((READ,), (_arn(call, _QUERY),))]


def _writing(call: Call) -> Sequence[Need]:
    call.only("formats", "platform")
    _forms(call)
    call.text("platform")
    return [Need((READ, *WRITE), (_arn(call, _ACCOUNT_ONLY),))]


def _arn(call: Call, known: frozenset[str]) -> str:
    """The repository's, once everything else in the address is known to be right."""
    if unknown := sorted(call.query.keys() - known - _SIGNATURE):
        raise ParameterInvalid(f"there is no parameter {shown(unknown[0])}")
    _reference(call)
    return _scope(call).repository_arn(repository_name(call.path["name"]))


def _forms(call: Call) -> list[Form]:
    """Those to attach, each once."""
    given, known = call.listed("formats"), ", ".join(each.value for each in FORMS)
    if not given or not all(isinstance(each, str) for each in given):
        raise ParameterInvalid(f"formats: name at least one of {known}")
    found = list(dict.fromkeys(form_named(each) for each in given))
    if wrong := [each.value for each in found if each not in FORMS]:
        raise ParameterInvalid(
            f"formats: {wrong[0]} cannot be attached; cyclonedx, spdx, sarif can"
        )
    return found


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
