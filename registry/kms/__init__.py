"""AWS KMS's operations, over the local keyring."""
