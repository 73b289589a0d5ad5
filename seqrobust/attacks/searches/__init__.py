"""The searches: how each goes through a threat towards a goal; one file each. The driver runs them."""
