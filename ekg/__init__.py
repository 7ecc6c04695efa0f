"""EKG recordings drawn as images and read by a small convolutional network.

An independent implementation of Das, Epland, Yu and Suri, "Interpretation of EKG with Image
Recognition and Convolutional Neural Networks" (2023, doi 10.1016/j.cpcardiol.2023.101744).
Not for clinical use.
"""

__version__ = "0.1.0"
