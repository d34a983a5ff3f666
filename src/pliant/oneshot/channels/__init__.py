"""Channel propagation: finds the layers that must change when the width of one layer changes."""
