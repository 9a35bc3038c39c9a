"""The local agent: it turns tasks into containers of one Docker Engine, and keeps them so.

`local.LocalAgent` is the way in. `deciding` says what comes next for a task, from nothing but
what is known; `journal` keeps what must survive a crash; `steps` does what was decided.
"""
