"""One file an analyzer; importing it registers it."""
