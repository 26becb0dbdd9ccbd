"""What a stack is to be, as documents in TOML or YAML: read, compare with what is in force, plan. Pure functions."""
