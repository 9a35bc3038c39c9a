"""Task definitions: what may stand in one, as pure functions."""
