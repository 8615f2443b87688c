"""This installation as a witness, below `/witness/`: the submission prefix of C2SP tlog-witness.

Open to everybody: who submits proves nothing but that the log signed the checkpoint.
"""

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from audit.witness import config
from audit.witness.memory import MemoryUnavailable
from audit.witness.message import MAX_BODY
from audit.witness.witness import Refused
from portal.lib.body import read_body
from portal.lib.errors import VigilError

log = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
def add_checkpoint(request: HttpRequest) -> HttpResponse:
    try:
        body = read_body(request, MAX_BODY)
    except VigilError as error:
        return _text(f"{error.message}\n", error.http_status)
    witness = config.witness()
    if witness is None:
        return _text("this installation witnesses no log\n", 404)
    try:
        return _text(witness.add_checkpoint(body))
    except Refused as refused:
        return _text(refused.body, refused.status, refused.content_type)
    except MemoryUnavailable as error:
        log.critical("witness_memory_unavailable", reason=str(error))
        return _text("the witness cannot reach its record\n", 503)


@require_safe
def about(_request: HttpRequest) -> HttpResponse:
    """The key to verify our cosignatures with, and the logs that we cosign."""
    witness = config.witness()
    if witness is None:
        return _text("this installation witnesses no log\n", 404)
    logs = "".join(f"log {origin}\n" for origin in sorted(witness.logs))
    return _text(f"witness {witness.cosigner.verifier.vkey}\n{logs}")


def _text(body: str, status: int = 200, content_type: str = "text/plain") -> HttpResponse:
    # The specification names `text/x.tlog.size` without a parameter.
    charset = "; charset=utf-8" if content_type == "text/plain" else ""
    response = HttpResponse(body, status=status, content_type=f"{content_type}{charset}")
    response["Cache-Control"] = "no-store"
    return response
