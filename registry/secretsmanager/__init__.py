"""Secrets Manager on the AWS wire."""
