"""AWS Identity and Access Management's interface over the domain."""
