"""What keeps services at what they are meant to be."""
