from audit.models.archive import Archive
from audit.models.erasure import Erasure, Sealed
from audit.models.governance import Approval, ApprovalRequest, GateLatch, PolicySet
from audit.models.ledger import Checkpoint, Event, Head, Leaf, Stopped, StoppedSince, Tile
from audit.models.outage import Outage
from audit.models.second_factor import RecoveryCode, SecondFactor
from audit.models.token import ApiToken
from audit.models.user import User
from audit.models.viewer import AuditView, SearchEntry, SearchProgress

__all__ = [
    "ApiToken",
    "Approval",
    "ApprovalRequest",
    "Archive",
    "AuditView",
    "Checkpoint",
    "Erasure",
    "Event",
    "GateLatch",
    "Head",
    "Leaf",
    "Outage",
    "PolicySet",
    "RecoveryCode",
    "Sealed",
    "SearchEntry",
    "SearchProgress",
    "SecondFactor",
    "Stopped",
    "StoppedSince",
    "Tile",
    "User",
]
