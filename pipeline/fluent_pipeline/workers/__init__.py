"""More than one core: workers receive, inflate, screen and deliver; one hub matches.

Each worker is a process with inputs on the same ports and outputs of its own. The records that
its screens let through go to the hub, the parent process, which has the filters: so the events of
a join key meet in one place, whichever worker they came to.

``wire``        what workers and hub say to each other
``remote``      a worker's stand-in for a filter of the hub
``hub``         the filters, and whose event is whose
``link``        a worker's connection to the hub
``supervisor``  starts and stops all of it
"""
