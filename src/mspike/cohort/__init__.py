"""Cohorts: who is compared, over what time, and with what estimate and interval."""
