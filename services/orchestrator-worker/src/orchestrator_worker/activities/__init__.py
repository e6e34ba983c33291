"""What workflows cannot do themselves: reading the configuration, recording facts."""
