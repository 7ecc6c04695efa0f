"""How a recording becomes an image: layout, exact renderer, image sets."""
