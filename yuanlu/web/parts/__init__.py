"""What all audiences share: who asks, what is said when the answer is no, the shapes of answers."""
