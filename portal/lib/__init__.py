"""Building blocks that know nothing of any app."""
