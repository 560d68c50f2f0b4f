"""Floor 6: analyzers, one file each, from the tables of runs to findings."""
