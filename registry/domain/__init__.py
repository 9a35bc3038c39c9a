"""What the registry does, in plain synchronous code over rows and stored objects."""
