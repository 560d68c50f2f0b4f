"""Floor 6: trainers that take rows and give back a model."""
