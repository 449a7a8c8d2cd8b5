"""Image captioning: words, data, models, search and scores."""
