"""Plain frozen values that every floor may use: digests, names, manifests, errors."""
