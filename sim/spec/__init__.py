"""What may be asked of the simulator: frozen values, checked once when they are made."""
