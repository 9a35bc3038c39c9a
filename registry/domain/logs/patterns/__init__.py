"""Filter patterns: which messages FilterLogEvents is to find.

Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription
filters, filter log events, and Live Tail".
"""

from registry.domain.logs.patterns.pattern import Matches, compiled

__all__ = ["Matches", "compiled"]
