"""Master keys and the data keys they wrap."""
