"""Floor 0: the records, requests, errors and identities that every other room speaks in."""
