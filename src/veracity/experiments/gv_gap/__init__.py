"""The gap between generating and verifying facts while a model acquires and updates them."""
