"""Floor 5: pure functions from rows to values, one file a metric."""
