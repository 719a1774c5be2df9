"""`payments topic`: which topics there are, one as payments need it, and what arrives in it."""
