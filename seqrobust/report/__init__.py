"""What pages are made of and how they look: sections, pictures, logos; on a terminal and as HTML. Knows no analysis."""
