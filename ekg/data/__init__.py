"""Where recordings and images come from, and which fold they are in."""
