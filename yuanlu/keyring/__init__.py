"""What secrets a merchant has: when each was turned over, when it ends, and who was told in time."""
