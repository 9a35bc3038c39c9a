"""Lifecycle policies: which images go, or move to the archive, by themselves.

`language` reads a policy, `evaluation` says what it means for images as they are now, a pure
function; `kinship` lets children and referrers follow. `policies` keeps them, `runs` acts on
them, `previews` shows what a run would do, `uses` knows what must stay.
"""
