"""Figures of a study, drawn with altair, each with a table of the same numbers. Nothing here estimates or judges."""
