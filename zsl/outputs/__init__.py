"""What a run leaves: result.json, what identifies it, and the claims of papers."""
