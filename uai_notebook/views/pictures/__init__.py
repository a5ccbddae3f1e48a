"""plotly figures as pages, PNG and GIF, drawn without a browser."""
