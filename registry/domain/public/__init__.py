"""Public registries: one for each account, whose images anybody may pull."""
