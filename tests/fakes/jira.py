"""Jira Cloud's REST API v3: search, tickets, comments."""

import base64
import re
from typing import Any

from tests.fakes.base import Asked, Fake, Says

ACCOUNT, TOKEN = "bot@example.org", "ATATT-secret"


class Jira(Fake):
    def __init__(self) -> None:
        super().__init__()
        self.issues: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, list[dict[str, Any]]] = {}

    def answer(self, asked: Asked) -> Says:  # noqa: PLR0911 - one resource after the other
        login = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {login}":
            return Says(401, {"errorMessages": ["Client must be authenticated"]})
        path = asked.path.removeprefix("/rest/api/3/")
        if path == "search/jql":
            return Says(200, {"issues": self._search(asked.json), "isLast": True})
        if path == "issue":
            return self._create(asked.json["fields"])
        if found := re.fullmatch(r"issue/([A-Z]+-\d+)/comment", path):
            if found[1] not in self.issues:
                return Says(404, {"errorMessages": ["Issue does not exist"]})
            if asked.json["body"]["type"] != "doc":
                return Says(400, {"errorMessages": ["Comment body is not valid!"]})
            self.comments.setdefault(found[1], []).append(asked.json["body"])
            return Says(201, {"id": "1"})
        return Says(404, {"errorMessages": ["no such resource"]})

    def _create(self, fields: dict[str, Any]) -> Says:
        missing = [n for n in ("project", "issuetype", "summary") if not fields.get(n)]
        if missing or len(fields["summary"]) > 255 or fields["description"]["version"] != 1:
            return Says(400, {"errors": dict.fromkeys(missing, "is required")})
        if any(" " in label for label in fields["labels"]):
            return Says(400, {"errors": {"labels": "must not contain spaces"}})
        key = f"{fields['project']['key']}-{len(self.issues) + 1}"
        self.issues[key] = {**fields, "status": {"name": "To Do"}}
        return Says(201, {"id": "1", "key": key, "self": f"{self.url}/rest/api/3/issue/1"})

    def _search(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        jql = query["jql"]
        if label := re.search(r'labels = "([^"]+)"', jql):
            found = [key for key, issue in self.issues.items() if label[1] in issue["labels"]]
        else:
            asked = re.findall(r'"([^"]+)"', jql)
            found = [key for key in self.issues if key in asked]
        return [
            {"key": key, "fields": {n: self.issues[key].get(n) for n in query["fields"]}}
            for key in found[: query["maxResults"]]
        ]
