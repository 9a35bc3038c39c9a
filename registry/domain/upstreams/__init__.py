"""The pull-through cache: what is here of other registries, and how it comes.

rules     which names are whose (ECR's pull through cache rules)
secrets   with which credentials
sources   both together: whom to ask, and how
mirrors   names as a mirror is asked for them
tags      which tags came from an upstream, and when that was last looked at
leases    one process at a time fetches a thing
flights   one thread at a time does, and the others wait
imports   manifests
failures  what events call it when nothing comes
provenance   which images came from an upstream
gaps      blobs that a manifest names and that are not here yet
window    the bytes of a blob while they come
fetches   blobs
"""
