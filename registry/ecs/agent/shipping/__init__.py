"""Carries the output of containers to CloudWatch Logs, as the log driver `awslogs` does.

The engine keeps the output in files of its own; it is read from there by the Engine API and sent
on, so a container never waits for its log, and what was not sent yet is still there after a crash.
"""
