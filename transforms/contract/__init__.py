"""What a payment, an outcome and a row are, without Beam: rules that anyone can run and read."""
