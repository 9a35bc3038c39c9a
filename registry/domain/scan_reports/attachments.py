"""Reports attached to their images: OCI artifacts whose subject is the image.

`oras discover`, `cosign tree` and everything else that asks for referrers finds them; they are
copied and deleted with the image, and are never scanned themselves. A report that
says something else takes the place of the older one.

Source: OCI image-spec 1.1, "Guidelines for Artifact Usage"; distribution-spec 1.1, "Listing
Referrers".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.domain.scan_reports.converted import single
from registry.domain.scan_reports.document import moment
from registry.domain.scan_reports.forms import Form
from registry.values.digest import Digest
from registry.values.errors import (
    ImageNotFound,
    ImageReferenced,
    ParameterInvalid,
    Protected,
    ScanNotFound,
)

if TYPE_CHECKING:
    from registry.domain.images import Images, Stored
    from registry.domain.repositories import Repository
    from registry.domain.scan_reports.converted import Converted
    from registry.domain.scan_reports.subject import Subject
    from registry.domain.scan_reports.writer import ReportWriter
    from registry.domain.uploads import Uploads

SCANNED = "moorage.scanned-at"
"""Annotation of what is attached here: when the scan was."""
FINGERPRINT = "moorage.content"
"""Annotation of the same: what says whether a later report says anything else."""
FORMS = (Form.CYCLONEDX, Form.SPDX, Form.SARIF)
"""Those that have an artifact type that others know."""

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_EMPTY = "application/vnd.oci.empty.v1+json"
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Attached:
    """One attached report."""

    form: Form
    subject: str
    digest: Digest
    is_new: bool
    """False where a report that says the same was attached already."""


class Attachments:
    """Attaches."""

    def __init__(self, images: Images, uploads: Uploads, writer: ReportWriter) -> None:
        self._images = images
        self._uploads = uploads
        self._writer = writer

    def attach(
        self, repository: Repository, subject: Subject, form: Form, principal: str
    ) -> Attached:
        """Attach the report on that image, in that form; `principal` is the ARN of who asks.

        Raises ScanNotFound, ParameterInvalid, QuotaExceeded, Unavailable, KeyUnavailable.
        """
        if form not in FORMS:
            known = ", ".join(each.value for each in FORMS)
            raise ParameterInvalid(f"format: only {known} can be attached")
        if form is not Form.SARIF:
            subject = single(subject)
        if subject.scan.state.completed_at is None:
            raise ScanNotFound(f"The scan of {subject.digest} has not come to a report yet")
        made = self._writer.converted(subject, form)
        older = list(self._attached(repository, subject, form))
        same = next((each for each, said in older if said == made.fingerprint), None)
        digest = same or self._put(repository, subject, form, made, principal)
        for each, _ in older:
            if each != digest:
                with suppress(ImageNotFound, ImageReferenced, Protected):
                    self._images.delete(repository, each)
        return Attached(form, subject.digest, digest, is_new=same is None)

    def _attached(
        self, repository: Repository, subject: Subject, form: Form
    ) -> Iterator[tuple[Digest, str]]:
        """What is attached in that form already, and what says whether it is the same."""
        after, more = "", True
        while more:
            page, more = self._images.referrers(
                repository,
                Digest.parse(subject.digest),
                after,
                _PAGE,
                artifact_types=[form.media_type],
                status=None,
            )
            for each in page:
                after = str(each.image.digest)
                said = _annotations(each)
                if isinstance(said.get(SCANNED), str):
                    yield each.image.digest, str(said.get(FINGERPRINT))

    def _put(
        self, repository: Repository, subject: Subject, form: Form, made: Converted, principal: str
    ) -> Digest:
        scanned = moment(subject.scan.state.completed_at)
        image = self._images.get(repository, Digest.parse(subject.digest))
        layer = self._stored(repository, principal, made.content, form.media_type)
        title = f"{form.value}.json"
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "artifactType": form.media_type,
            "config": self._stored(repository, principal, b"{}", _EMPTY),
            "layers": [{**layer, "annotations": {"org.opencontainers.image.title": title}}],
            "subject": {
                "mediaType": image.image.media_type,
                "digest": subject.digest,
                "size": len(image.content),
            },
            "annotations": {
                "org.opencontainers.image.created": scanned,
                SCANNED: scanned,
                FINGERPRINT: made.fingerprint,
            },
        }
        text = json.dumps(manifest, separators=(",", ":")).encode()
        return self._images.put(repository, text, _MANIFEST).image.digest

    def _stored(
        self, repository: Repository, principal: str, content: bytes, media_type: str
    ) -> dict[str, Any]:
        digest = Digest.parse(f"sha256:{hashlib.sha256(content).hexdigest()}")
        upload = self._uploads.start(repository, principal)
        self._uploads.append(repository, principal, upload.id, [content])
        self._uploads.finish(repository, principal, upload.id, digest)
        return {"mediaType": media_type, "digest": str(digest), "size": len(content)}


def _annotations(stored: Stored) -> dict[str, Any]:
    found = json.loads(stored.content).get("annotations")
    return found if isinstance(found, dict) else {}
