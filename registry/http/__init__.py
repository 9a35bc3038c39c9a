"""HTTP transport: connections, bodies, streams. Knows no route."""
