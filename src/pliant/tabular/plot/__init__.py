"""Pictures of a search: shapes of SVG, axes with ticks, and the picture itself.  Trains and reads nothing."""
