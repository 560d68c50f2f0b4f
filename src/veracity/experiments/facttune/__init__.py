"""FactTune: preferences among a model's own texts by how many of their claims are right."""
