class StackError(Exception):
    """Why the stack cannot run, as the one line that a person is shown."""
