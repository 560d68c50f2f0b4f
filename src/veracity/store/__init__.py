"""Floor 1: ledger and run folders, written so that nothing is lost at any byte."""
