"""Who acts: accounts, users, groups, roles, their keys, sessions and policies."""
