"""Time to quality: how near generated images are to real ones after so many minutes of two cores.

A contender trains and stores images at fixed minutes (`python -m benchmarks.quality run`). Then
`python -m benchmarks --only quality` measures and draws them.

A minute is one of processor time of all threads, divided by the number of cores. So it is the same
beside other work on the machine. It is shorter than a minute of the clock where a contender leaves
a core idle; the record of each snapshot has the minutes of the clock too.
"""
