"""Documents that people write, in TOML and YAML: read with the line of each value, and what is wrong there."""
