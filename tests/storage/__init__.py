"""The storage law, and every driver held to it."""
