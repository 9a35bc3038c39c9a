"""Gates: which images may not be pulled, because of what is known of them.

gate        one gate's document, read
gates       the gates of a registry, as rows
keys        public keys
signatures  whether somebody signed an image
knowledge   what is known of an image: scan, findings, signature
weighing    what a gate says of that, at a moment
doors       where a pull is let through, or is not
tellings    events of that
"""
