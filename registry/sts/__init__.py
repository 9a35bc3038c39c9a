"""AWS STS's interface: who am I."""
