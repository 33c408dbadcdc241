"""What a run leaves behind: rows while it runs; frames, metrics and a folder afterwards."""
