from audit.models.ledger import Checkpoint, Event, Head, Leaf, Tile
from audit.models.token import ApiToken
from audit.models.user import User

__all__ = ["ApiToken", "Checkpoint", "Event", "Head", "Leaf", "Tile", "User"]
