"""Pictures and pages about a trained captioner."""
