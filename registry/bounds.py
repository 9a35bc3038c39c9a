"""Between which bounds settings are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.upstream.addresses import Trusted
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from registry.config import Settings

HOURS_MAX = 87_600
"""Ten years."""
_REGION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)


def check_bounds(settings: Settings) -> None:
    """Raise ParameterInvalid for a value that a setting can't have."""
    if _REGION.fullmatch(settings.region) is None:
        raise ParameterInvalid(f"region: {settings.region!r} is not a region's name")
    for name in ("max_connections", "scan_workers", "scan_memory_mib", "s3_attempts"):
        if getattr(settings, name) < 1:
            raise ParameterInvalid(f"{name}: at least 1")
    for name in ("scan_daily_limit", "scan_days"):
        if getattr(settings, name) < 0:
            raise ParameterInvalid(f"{name}: at least 0")
    Trusted(settings.upstreams)
    if not 0 <= settings.upstream_check_hours <= HOURS_MAX:
        raise ParameterInvalid(f"upstream_check_hours: 0 to {HOURS_MAX:,}")
    if not 0 <= settings.lifecycle_notice_hours <= HOURS_MAX:
        raise ParameterInvalid(f"lifecycle_notice_hours: 0 to {HOURS_MAX:,}")
    if settings.grace_seconds < 0:
        raise ParameterInvalid("grace_seconds: at least 0")
    _check_times(settings)
    _check_keeping(settings)


def _check_times(settings: Settings) -> None:
    for name in (
        "header_timeout",
        "body_timeout",
        "send_timeout",
        "upstream_timeout",
        "scan_timeout",
        "s3_connect_timeout",
        "s3_read_timeout",
    ):
        if getattr(settings, name) <= 0:
            raise ParameterInvalid(f"{name}: more than 0 seconds")
    for name in (
        "gc_grace_hours",
        "upload_expiry_hours",
        "event_retry_hours",
        "scan_database_hours",
    ):
        if not 0 < getattr(settings, name) <= HOURS_MAX:
            raise ParameterInvalid(f"{name}: more than 0 hours, at most {HOURS_MAX:,}")


def _check_keeping(settings: Settings) -> None:
    if not 0 <= settings.undelete_days <= HOURS_MAX / 24:
        raise ParameterInvalid(f"undelete_days: 0 to {HOURS_MAX // 24:,}")
    for name in ("account_bytes", "repository_bytes", "images", "repositories"):
        if getattr(settings, f"quota_{name}") < 0:
            raise ParameterInvalid(f"quota_{name}: at least 0")
