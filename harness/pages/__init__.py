"""Puts into pages what the code says: the graph of steps, excerpts, tables of flags and alerts.

    step_graph   the graph that the job builds, as a diagram
    excerpts     a function, a class, or some lines, as they stand in the code
    listings     flags and alerts, as tables

A page names them between cog's markers (CONTRIBUTING.md, "Pages that are run").
"""
