"""Which reports on scans can be attached to images, by name."""

ATTACHED = ("cyclonedx", "spdx", "sarif")
"""Those that have an artifact type that others know."""
