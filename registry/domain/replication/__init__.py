"""Replication between the registries of one server: what a push, a rule or a backfill asks for.

rules        which repository goes where
queue        rows that pushes and deletions leave, in their own transactions
backfills    the same for images that were there before
replicator   takes what is due and copies it, one process at a time
"""
