"""Erasing people from an installation whose record is never edited."""
