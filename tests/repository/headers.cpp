// Never built: its target collects the flags that headers are checked with.
