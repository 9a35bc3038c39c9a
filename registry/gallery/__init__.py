"""The gallery: public repositories as pages for people, and as JSON. No login, no script."""
