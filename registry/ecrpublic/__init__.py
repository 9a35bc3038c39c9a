"""ECR Public: repositories that anybody may pull from, over the AWS wire."""
