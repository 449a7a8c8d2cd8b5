"""Captions as words, words as indices, indices as batches."""
