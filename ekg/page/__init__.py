"""The page that reads an EKG in the browser: building it, and serving it to one's own machine."""
