"""Model cards: written from the files beside the weights, never by hand."""
