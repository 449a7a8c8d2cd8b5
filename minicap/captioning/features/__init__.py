"""What a model reads of an image: pixels, or a frozen network's outputs, stored on disk."""
