"""Floor 2: everybody who can play a role, behind one protocol."""
