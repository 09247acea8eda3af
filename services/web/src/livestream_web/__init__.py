"""Renders the pages and answers the JSON API."""
