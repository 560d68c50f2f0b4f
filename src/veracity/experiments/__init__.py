"""Floor 7: each module reads like a paper's method section."""
