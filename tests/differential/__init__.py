"""Random programs through Queuebit's parser and through independent interpreters, compared exactly."""
