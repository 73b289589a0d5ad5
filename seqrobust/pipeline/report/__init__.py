"""Sections and pictures of single analyses."""
