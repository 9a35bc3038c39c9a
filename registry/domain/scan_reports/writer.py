"""A report in any form: what the REST interface, the command line and attachments ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.domain.scan_reports import document, page
from registry.domain.scan_reports.forms import Form
from registry.domain.scan_reports.subject import Subject
from registry.values.errors import ScanNotFound

if TYPE_CHECKING:
    from registry.domain.images import Images
    from registry.domain.repositories import Repository
    from registry.domain.scan_reports.converted import Converted, Converter
    from registry.domain.scanning.scans import Scans
    from registry.values.digest import Digest


class ReportWriter:
    """Looks a scan up and writes of it."""

    def __init__(self, images: Images, scans: Scans, converter: Converter) -> None:
        self._images = images
        self._scans = scans
        self._converter = converter

    def subject(self, repository: Repository, reference: Digest | str) -> Subject:
        """The image with its scan. Raises ImageNotFound, ScanNotFound, KeyUnavailable, Damaged."""
        image = self._images.get(repository, reference).image
        scan = self._scans.report(repository, image.digest)
        if scan is None:
            raise ScanNotFound(
                f"Image scan does not exist for the image {repository.name}@{image.digest}"
            )
        tags = image.tags
        if isinstance(reference, str):
            tags = (reference, *(each for each in tags if each != reference))
        return Subject(repository.scope, repository.name, str(image.digest), tags, scan)

    def write(self, subject: Subject, form: Form) -> bytes:
        """The report. Raises ScanNotFound, ParameterInvalid, Unavailable, Damaged."""
        if form is Form.JSON:
            return document.written(subject)
        if form is Form.HTML:
            return page.written(subject)
        return self.converted(subject, form).content

    def converted(self, subject: Subject, form: Form) -> Converted:
        """The report in one of the scanner's own forms. Raises as `write` does."""
        return self._converter.converted(subject, form)
