"""The public status page, served from its last snapshot, whatever else is away."""
