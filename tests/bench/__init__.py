"""Speed, side by side with another registry. `python -m tests.bench --help`."""
