"""Alerts in, incidents worked against the clock, and what is told to whom."""
