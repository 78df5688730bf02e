"""What makes the documentation: the command reference, the pictures and the site's generated pages."""
