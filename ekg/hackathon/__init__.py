"""The hackathon of 2019, rebuilt: PTB images, five classes, two ways to split."""
