"""Taking a shop on: its stores and tills, and its keys at the channels."""
