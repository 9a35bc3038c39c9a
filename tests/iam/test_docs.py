"""docs/iam.md lists the operations that there are."""

from __future__ import annotations

import re
from pathlib import Path

from tests.iam.examples import EXAMPLES

PAGE = Path(__file__).parents[2] / "docs" / "iam.md"


def test_every_operation_is_listed_once_and_no_other() -> None:
    table = PAGE.read_text().partition("## Operations")[2].partition("\n## ")[0]
    listed = re.findall(r"`([A-Z][A-Za-z]+)`", table.partition("Any other operation")[0])
    assert sorted(listed) == sorted(EXAMPLES)
