"""How a recording becomes a picture: layout, exact renderer, image sets."""
