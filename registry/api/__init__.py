"""The server's own interface under `/api/v1/`: what ECR has no operation for. JSON, SigV4."""
