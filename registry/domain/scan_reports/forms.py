"""Which forms a report has, and which one a request means.

Sources: RFC 9110 section 12.5.1 (Accept); SARIF 2.1.0, CycloneDX and SPDX for the media types.
"""

from __future__ import annotations

from enum import Enum

from registry.values.digest import shown
from registry.values.errors import ParameterInvalid


class Form(Enum):
    """The value is the name by which it is asked for."""

    JSON = "json"
    HTML = "html"
    SARIF = "sarif"
    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"
    TRIVY = "trivy"

    @property
    def media_type(self) -> str:
        """What an answer in that form is declared as."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Form.JSON: "application/json",
    Form.HTML: "text/html; charset=utf-8",
    Form.SARIF: "application/sarif+json",
    Form.CYCLONEDX: "application/vnd.cyclonedx+json",
    Form.SPDX: "application/spdx+json",
    Form.TRIVY: "application/json",
}
_ACCEPTED = {each.media_type.partition(";")[0]: each for each in Form if each is not Form.TRIVY} | {
    "text/*": Form.HTML,
    "application/*": Form.JSON,
    "*/*": Form.JSON,
}


def form_named(name: str) -> Form:
    """The form of that name. Raises ParameterInvalid."""
    try:
        return Form(name)
    except ValueError:
        known = ", ".join(each.value for each in Form)
        raise ParameterInvalid(f"format: {shown(name)} is none of {known}") from None


def form_accepted(accept: str) -> Form:
    """What an Accept header would like most of all; JSON where it names nothing that there is."""
    best, most = Form.JSON, 0.0
    for part in accept.split(","):
        media_type, *parameters = (each.strip().lower() for each in part.split(";"))
        found, weight = _ACCEPTED.get(media_type), _weight(parameters)
        if found is not None and weight > most:
            best, most = found, weight
    return best


def _weight(parameters: list[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            try:
                return min(float(value), 1.0)
            except ValueError:
                return 0.0
    return 1.0
