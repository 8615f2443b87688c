"""Finding entries by their words, and by the objects that they are about."""
