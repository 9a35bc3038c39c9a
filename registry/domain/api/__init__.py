"""What ECR and ECR Public answer alike, in the form that both models have."""
