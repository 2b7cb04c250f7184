"""Fine-tuning of metric depth models on true depth."""
