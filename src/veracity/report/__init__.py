"""Floor 6: tables, figures and the report page."""
