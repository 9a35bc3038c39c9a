"""Amazon ECS on machines of one's own: the interface, a control plane, and a local agent.

It imports nothing of the registry but the AWS wire, the HTTP helpers, the SQLite engine and the
values: images, tokens and roles it reaches over HTTP, as any client does.
"""
