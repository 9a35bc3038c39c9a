"""Which form a request means."""

from __future__ import annotations

import pytest

from registry.domain.scan_reports.forms import Form, form_accepted, form_named
from registry.values.errors import ParameterInvalid

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form.JSON),
        ("*/*", Form.JSON),
        (FIREFOX, Form.HTML),
        ("text/*", Form.HTML),
        ("application/json;q=0.5, application/sarif+json", Form.SARIF),
        ("application/vnd.cyclonedx+json", Form.CYCLONEDX),
        ("APPLICATION/SPDX+JSON; q=1", Form.SPDX),
        ("text/html;q=0, application/json;q=0.1", Form.JSON),
        ("text/html;q=none", Form.JSON),
        ("image/png", Form.JSON),
        (";;,q=;=,", Form.JSON),
    ],
)
def test_what_is_accepted(accept: str, form: Form) -> None:
    assert form_accepted(accept) is form


def test_by_name() -> None:
    assert [form_named(each.value) for each in Form] == list(Form)
    with pytest.raises(ParameterInvalid, match="'pdf' is none of json, html, sarif"):
        form_named("pdf")
