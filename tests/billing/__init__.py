"""The billing drill: many histories of jobs, kills of the processes that bill them, and a second computation."""
