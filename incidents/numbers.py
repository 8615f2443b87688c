class IncidentNumber:
    """`INC-1042` in a URL is the incident with primary key 1042."""

    regex = "INC-[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value.removeprefix("INC-"))

    def to_url(self, value: int | str) -> str:
        return f"INC-{str(value).removeprefix('INC-')}"
