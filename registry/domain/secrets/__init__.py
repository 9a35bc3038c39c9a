"""Secrets with versions and stages: what Secrets Manager keeps."""
