"""Floor 1: estimates, intervals and tests, all pure functions."""
