"""What to measure when, what was done, what is overdue: rules.md 7.1 as data, applied to a registry."""
