"""Ways to name a model: one file a kind, each light until a model is opened."""
