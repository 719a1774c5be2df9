"""What a worker remembers, and how it rests in state. No Beam."""
