"""Something that a person has, on top of the password that they know: codes by RFC 6238."""
