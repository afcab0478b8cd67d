"""What is wrong with terminals, by rules: when alarms begin and end, and who looks after them.

`criteria` says of readings how they stand to a rule, `life` makes alarms of that; both are pure.
Never here: how people are told of it.
"""
