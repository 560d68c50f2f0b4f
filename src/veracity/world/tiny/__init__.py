"""The tiny model: a transformer of a million parameters, raised on one world, shipped with the package."""
