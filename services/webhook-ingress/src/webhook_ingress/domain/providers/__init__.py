"""What single providers need beside their row in ``domain/presets/``."""
