"""A client of other registries: the OCI distribution protocol from the other side.

addresses       which hosts may be spoken to, and how
connection      TCP and TLS to a vetted address
exchange        one request, with redirects
authentication  challenges and tokens
client          manifests and blobs, checked
"""
