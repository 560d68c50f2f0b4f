"""KLCF: consistency of long texts with what the base model knows."""
