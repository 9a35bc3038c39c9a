"""Policies kept as files in a directory: read, checked as a whole, brought into force.

`folder` reads and checks, `applying` brings into force, in one transaction or not at all.
`docs/policy-files.md` describes the directory.
"""
