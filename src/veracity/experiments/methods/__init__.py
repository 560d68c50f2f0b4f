"""Any number of training methods in one table, on the same items by another judge."""
