"""Training on what is measured of truth-seeking: rewards of graders, or the best trajectories of a run."""
