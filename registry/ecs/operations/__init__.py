"""ECS's operations, one file for each kind of thing; they decide nothing themselves."""
