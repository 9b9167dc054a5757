"""Forgetting: whoever is quiet for long, or asks for it, and all that is kept of them."""
