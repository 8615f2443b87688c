from audit.people_admin import UserAdmin
from audit.role_admin import GroupAdmin
from audit.token_admin import ApiTokenAdmin

__all__ = ["ApiTokenAdmin", "GroupAdmin", "UserAdmin"]
