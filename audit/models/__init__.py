from audit.models.governance import Approval, ApprovalRequest, GateLatch, PolicySet
from audit.models.ledger import Checkpoint, Event, Head, Leaf, Tile
from audit.models.second_factor import RecoveryCode, SecondFactor
from audit.models.token import ApiToken
from audit.models.user import User

__all__ = [
    "ApiToken",
    "Approval",
    "ApprovalRequest",
    "Checkpoint",
    "Event",
    "GateLatch",
    "Head",
    "Leaf",
    "PolicySet",
    "RecoveryCode",
    "SecondFactor",
    "Tile",
    "User",
]
