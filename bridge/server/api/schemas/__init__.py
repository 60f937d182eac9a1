"""What goes in and out as JSON, as OpenAPI describes it. What is built by hand elsewhere is only described here."""
