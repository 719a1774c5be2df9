"""How it ships."""
