"""Floor 4: probes, reply parsing and grading."""
