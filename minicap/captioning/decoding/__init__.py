"""From a model's probabilities to a caption: beam search, sampling, minimum Bayes risk."""
