"""Templates: how what is sent is written down in the configuration. Importing this package alone imports no Jinja."""
