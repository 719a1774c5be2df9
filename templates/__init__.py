"""The pipeline as it ships: images, templates, and the Java parts that they hold."""
