"""The system-health page: for whoever is on call."""
