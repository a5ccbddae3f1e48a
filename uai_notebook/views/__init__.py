"""Pure views: a snapshot, a history or an item becomes a figure, numbers to draw, or HTML."""
