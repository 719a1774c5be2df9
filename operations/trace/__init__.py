"""`payments trace`: what became of one payment, or of one record of Kafka."""
