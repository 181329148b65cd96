"""Every file format."""
