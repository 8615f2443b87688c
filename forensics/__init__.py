"""Scoped, time-boxed access to logs, and the evidence of who read what."""
