from __future__ import annotations

import inspect

from registry.values import errors


def test_the_tree_at_the_top_of_the_file_shows_every_error() -> None:
    """The documented tree and the classes agree, name by name."""
    tree = errors.__doc__ or ""
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, errors.MoorageError):
            assert name in tree.replace("──", " ").split(), name


def test_a_long_list_of_missing_content_is_cut() -> None:
    listed = [f"sha256:{number}" for number in range(12)]
    error = errors.ManifestReferenceUnknown(listed)
    assert error.digests == listed
    assert "sha256:9, …" in str(error)
    assert "sha256:10" not in str(error)
