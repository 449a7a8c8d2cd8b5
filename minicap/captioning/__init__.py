"""Image captioning: text, data, features, models, scoring, decoding, training and reporting."""
