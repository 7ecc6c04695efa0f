"""From images to weights and their history."""
