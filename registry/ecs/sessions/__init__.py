"""ExecuteCommand's sessions: the protocol of Session Manager's data channel, and its endpoint."""
