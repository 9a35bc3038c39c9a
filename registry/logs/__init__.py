"""CloudWatch Logs on the AWS wire."""
