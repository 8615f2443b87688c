"""Tells people: a message, the clients that carry it, and what each attempt came to."""
