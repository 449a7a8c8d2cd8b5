"""The captioners: Show and Tell; Show, Attend and Tell; fine-tuning."""
