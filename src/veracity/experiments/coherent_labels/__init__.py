"""Labels for statements by internal coherence, without any truth."""
