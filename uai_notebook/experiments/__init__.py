"""The paper's experiments, and ours: ``python -m uai_notebook.experiments NAME``.

An experiment is a module with ``runs(...)``, what to compute, and ``table(results)``, what to show. The runner
(``runs.py``) keeps each result as one JSON line and skips what is there, so an experiment can be stopped and started
again at any time; a table is made from that file alone.
"""
