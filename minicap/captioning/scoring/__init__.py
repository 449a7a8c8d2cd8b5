"""BLEU, ROUGE-L, CIDEr and METEOR of captions, and how much of a score is chance."""
