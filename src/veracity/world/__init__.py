"""Floor 1: the synthetic world, the facts that users bring, and the tiny model that speaks its language."""
