"""Backups: the database, the journal and what it takes to check them, on record and verifiable."""
