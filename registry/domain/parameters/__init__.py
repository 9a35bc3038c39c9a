"""Named values with versions: what Parameter Store keeps."""
