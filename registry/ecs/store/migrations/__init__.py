"""Alembic's home: how an older database becomes a current one."""
