from zoneinfo import available_timezones


def time_zones() -> list[tuple[str, str]]:
    """Choices of a form: `Europe/Zurich`, and how it reads."""
    return [(name, name.replace("_", " ")) for name in sorted(available_timezones())]
