"""Log groups, their streams and events: what CloudWatch Logs keeps.

They lie in a database of their own (DATA/logs.db): the output of containers comes in quantities
that the registry's metadata must not wait for.
"""
