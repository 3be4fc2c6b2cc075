"""The canonical record: tables declared once, units, amounts as exact intervals, findings on bad data."""
