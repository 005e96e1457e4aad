"""Evidence packs: one signed file for a customer, a regulator or counsel, that anybody can check without us."""
