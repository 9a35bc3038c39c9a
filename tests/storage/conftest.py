"""The suite's asserts explain themselves."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.storage.driver_suite")
