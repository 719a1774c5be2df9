"""How fast is it? One topic, one machine, one run; every contestant's count is checked."""
