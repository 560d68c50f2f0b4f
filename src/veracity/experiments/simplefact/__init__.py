"""SimpleFact: right facts, fewer wrong ones, by group rewards on short questions."""
