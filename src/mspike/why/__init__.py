"""Why it failed, as far as the data can say: mechanisms, what speaks for and against each, the tests that would tell.

Several mechanisms may hold at once and none is ever the one certain cause. What was not tested supports nothing.
"""
