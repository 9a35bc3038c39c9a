"""Copying images between repositories of one server, and replication, which is made of it."""
