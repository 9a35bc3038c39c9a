"""Parameter Store, of Systems Manager, on the AWS wire."""
