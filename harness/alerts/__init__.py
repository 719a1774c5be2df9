"""`make alerts`: each alert is provoked on real parts, must arrive, and must resolve.

webhook     what Alertmanager tells, as a receiver hears it
stage       a monitored sandbox with a job, and the rules in a shape that is fast
trials      what provokes which alert
page        the two commands of an alert's page, and how they end
walk        runs them
run         one trial: fired, nothing else critical, resolved
table       what came of all
__main__    the program
"""
