"""AWS STS's interface: who am I, and temporary credentials."""
