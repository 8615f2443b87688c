"""Keeps files with timeline entries, by digest, and gives them out only as they were recorded."""

import hashlib
import tempfile
from collections.abc import Sequence
from typing import IO

from django.conf import settings

from audit.governed import governed
from audit.principal import Principal, system
from audit.record import current
from incidents import actions
from incidents.attachments import CHUNK, FIELD, Upload
from incidents.models import Attachment, AttachmentPiece, Incident, TimelineEntry
from portal.lib.errors import Conflict, FieldError, ValidationFailed
from portal.lib.uploads import MAX_FILES


class AttachmentBroken(Conflict):
    default_message = (
        "What is stored is not what was attached, so it is not given out. This is on record."
    )


def attach(entry: TimelineEntry, uploads: Sequence[Upload]) -> None:
    """Within the governed call that writes the entry, and has locked its incident so that two at once
    do not fill it beyond its limit. The same content is kept once."""
    different = list({upload.sha256: upload for upload in uploads}.values())
    if not different:
        return
    if len(different) > MAX_FILES:
        raise ValidationFailed([FieldError(FIELD, f"At most {MAX_FILES} files at once.")])
    _has_room(entry.incident, different)
    for upload in different:
        _keep(upload)
    Attachment.objects.bulk_create(
        Attachment(
            entry=entry,
            name=upload.name,
            media_type=upload.media_type,
            size=upload.size,
            sha256=upload.sha256,
        )
        for upload in different
    )
    current().note(attachments=[upload.to_json() for upload in different])


def pass_on(earlier: TimelineEntry, entry: TimelineEntry) -> None:
    """To the correction of an entry, what it had attached."""
    passed = [
        Attachment(
            entry=entry,
            name=each.name,
            media_type=each.media_type,
            size=each.size,
            sha256=each.sha256,
        )
        for each in earlier.attachments.all()
    ]
    if passed:
        Attachment.objects.bulk_create(passed, ignore_conflicts=True)
        current().note(attachments_passed_on=[each.sha256 for each in passed])


def attachment_open(attachment: Attachment) -> IO[bytes]:
    """The content, held against its digest to the last byte before any of it is given out. Raises
    `AttachmentBroken`, once that is on record."""
    content = tempfile.SpooledTemporaryFile(max_size=4 * CHUNK)  # noqa: SIM115 - the caller's to close
    digest = hashlib.sha256()
    pieces = AttachmentPiece.objects.filter(sha256=attachment.sha256).order_by("position")
    for piece in pieces.values_list("content", flat=True).iterator(chunk_size=1):
        digest.update(piece)
        content.write(piece)
    if digest.hexdigest() != attachment.sha256:
        content.close()
        attachment_report(attachment=attachment, by=system("web"), found=digest.hexdigest())
        raise AttachmentBroken
    content.seek(0)
    return content


@governed(actions.ATTACHMENT_BROKEN, on="attachment")
def attachment_report(*, attachment: Attachment, by: Principal, found: str) -> None:
    current().note(name=attachment.name, sha256=attachment.sha256, found_sha256=found)


def _has_room(incident: Incident, uploads: Sequence[Upload]) -> None:
    kept = dict(
        Attachment.objects.filter(entry__incident=incident)
        .order_by()
        .values_list("sha256", "size")
        .distinct()
    )
    total = sum((kept | {upload.sha256: upload.size for upload in uploads}).values())
    if total > settings.ATTACHMENTS_MAX_BYTES:
        limit = settings.ATTACHMENTS_MAX_BYTES >> 20
        message = f"With these, {incident.number} would have more than {limit} MiB of files."
        raise ValidationFailed([FieldError(FIELD, message)])


def _keep(upload: Upload) -> None:
    """Whoever keeps the same content at the same time waits, and finds it there."""
    if AttachmentPiece.objects.filter(sha256=upload.sha256).exists():
        return
    for position, content in enumerate(upload.pieces()):
        piece = AttachmentPiece(sha256=upload.sha256, position=position, content=content)
        AttachmentPiece.objects.bulk_create([piece], ignore_conflicts=True)
