"""The AWS wire itself: signatures, protocols, policies. Knows no service."""
