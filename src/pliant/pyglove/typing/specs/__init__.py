"""The value specs, by kind; ``value_specs`` offers them together."""
