"""Tests of rules: streams of events in short form, and the alerts that they should give.

``values``  YAML scalars as values of a record
``fields``  fields set, replaced and taken away, in the spelling they are written in
``model``   a test, ready to run
``loader``  a test file's text as tests
``files``   which test files there are, and the rules that they are of
``runner``  a rule against a test
"""
