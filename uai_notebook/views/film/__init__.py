"""Rounds as moving plotly figures: Figures 9 to 11 of the paper, animated."""
