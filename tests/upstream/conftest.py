from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.upstream.fake import FakeRegistry, serving


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with serving() as running:
        yield running
