"""
Programs we did not write, talking to our fakes over real sockets.

The official clients run as processes of their own, so that their threads and loops stay out of ours. Each test is
bounded in time, and each process ends by itself when its standard input ends.
"""
