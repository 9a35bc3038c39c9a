"""The control plane: what callers asked for, as rows; plain synchronous code in any process."""
