"""What stands around a task's containers: where they find credentials, and what they are."""
