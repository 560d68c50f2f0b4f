"""Measuring truth-seeking: trajectories, beliefs, what judges say, and metrics."""
