"""Amazon ECR's interface over the domain."""
