"""What hangs and stands in a shop: its static and till codes, where, until when, and when somebody last looked."""
