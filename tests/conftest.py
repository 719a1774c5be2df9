"""Settings of all tests."""

from hypothesis import HealthCheck, settings

# A test never depends on the clock being fast: these machines are shared.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")
