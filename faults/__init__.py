"""What may go wrong, done on purpose: every fault is tried, and counted.

`make faults` works on a few small images in scratch folders. It writes reports/faults.csv
and the numbers in the README. A fault is survived if results are complete or absent, if one
line says what is wrong, and if the next run makes the bytes of an undisturbed run.
"""
