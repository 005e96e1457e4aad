"""What a shop wants to know about itself: figures over many payments, read beside the path that takes money."""
