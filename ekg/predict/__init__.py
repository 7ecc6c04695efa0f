"""From a record or an image to a verdict."""
