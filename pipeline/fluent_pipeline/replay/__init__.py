"""Recordings through the rules, and what comes of it.

``places``     the files that arguments name
``unpacking``  compressed recordings as they were
``progress``   how far the reading is
``player``     events through a filter, in event time
``found``      the alerts, each with its host and time
``comparing``  what two sets of rules find
``timeline``   alerts over time as SVG
``page``       all of it as one HTML file
"""
