"""What came out, made readable: tables for a terminal, files for a folder."""
