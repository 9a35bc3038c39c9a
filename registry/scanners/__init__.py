"""Programs that look for vulnerabilities in images."""
