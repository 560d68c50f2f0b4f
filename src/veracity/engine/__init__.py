"""Floor 2: programs, their scheduler and their budget."""
