"""A postmortem as a document of its own, to be read where Vigil is not."""
