"""Images signed by the registry as they are pushed, by rules: ECR's managed signing.

configuration   the rules of a registry
requests        rows written with a push, and what came of them
keys            a key for each signing profile
payload         what is signed, and how it is stored
signer          signs what waits for it
"""
