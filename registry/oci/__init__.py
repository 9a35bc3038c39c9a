"""The OCI distribution protocol over the domain."""
