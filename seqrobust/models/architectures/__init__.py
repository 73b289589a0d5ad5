"""Our own networks, each built from plain numbers, and what bounds how fast they change."""
